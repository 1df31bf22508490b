#include "clouds/azure/emulator/vault/key_versions.hpp"

#include <fmt/format.h>

#include "clouds/azure/emulator/vault/rotation_policy.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::size_t kVersionBytes = 16;
constexpr std::size_t kMaxVersions = 500;

Outcome<void> charge(const VaultCall& call, const Charge& charged) {
  // Managed HSMs have a capacity of their own, which is not a count of calls.
  if (call.vault.managed_hsm) return success();
  auto wait = call.throttle.charge(lower(call.vault.name), call.vault.subscription_id, charged, call.cloud.clock.now());
  if (!wait) return success();
  return Refusal{429, "Throttled",
                 "Request was not processed because too many requests were received. Reason: "
                 "VaultRequestTypeLimitReached",
                 "", call.throttle.sends_retry_after() ? *wait : 0};
}

unsigned weight_of(const KeyVersion& version) {
  constexpr unsigned kMiddle = 3072;
  constexpr unsigned kLarge = 4096;
  if (!version.material->rsa) return 1;
  auto bits = version.material->rsa->bits();
  return bits >= kLarge ? 8 : bits >= kMiddle ? 4 : 1;
}

}  // namespace

Outcome<SharedMaterial> make_material(const Cloud& cloud, const KeyPlan& plan) {
  auto make = [&]() -> Result<SharedMaterial> {
    if (!plan.curve.empty()) {
      LATCHKEY_TRY(auto key, crypto::EcKey::generate(plan.curve));
      return to_material(std::move(key));
    }
    LATCHKEY_TRY(auto key, cloud.new_rsa_key(plan.bits));
    return to_material(std::move(key));
  };
  auto made = make();
  if (!made) return refuse_for(made.error());
  return std::move(made.value());
}

KeyVersion new_version(const Cloud& cloud, Seconds now) {
  KeyVersion version;
  version.id = random_hex(cloud.random, kVersionBytes);
  version.created = now;
  version.updated = now;
  return version;
}

KeyVersion successor_of(const Cloud& cloud, const Key& key, Seconds now) {
  const auto& last = key.versions.back();
  auto version = new_version(cloud, now);
  version.hsm = last.hsm;
  version.operations = last.operations;
  version.tags = last.tags;
  version.expires = expiry_by(key.rotation, now);
  return version;
}

Outcome<void> check_name_is_free(const Vault& vault, const VaultCall& call, const std::string& name) {
  auto live = vault.keys.find(lower(name));
  if (live != vault.keys.end() && is_coming_back(live->second, call)) {
    return Refusal{409, "Conflict", fmt::format("Key {} is currently being recovered.", name),
                   "ObjectIsBeingRecovered"};
  }
  auto deleted = vault.deleted_keys.find(lower(name));
  if (deleted == vault.deleted_keys.end() || deleted->second.purge_at <= call.now) return success();
  if (is_on_its_way(deleted->second, call)) {
    return Refusal{409, "Conflict", "Key is currently being deleted.", "ObjectIsBeingDeleted"};
  }
  return Refusal{409, "Conflict",
                 fmt::format("Key {} is currently in a deleted but recoverable state, and its name cannot be reused; "
                             "in this state, the key can only be recovered or purged.",
                             name),
                 "ObjectIsDeletedButRecoverable"};
}

Outcome<json::object> add_version(VaultCall& call, KeyVersion version) {
  LATCHKEY_TRY(auto bundle, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(check_name_is_free(*vault, call, call.route.key));
    auto& key = vault->keys[lower(call.route.key)];
    if (key.versions.empty()) key.name = call.route.key;
    if (key.versions.size() >= kMaxVersions) {
      return bad_parameter(fmt::format("The key has {} versions, the most that it may have.", kMaxVersions));
    }
    key.versions.push_back(version);
    return key_bundle(call, *vault, key, key.versions.back());
  }));
  call.audit_id = key_id(call, call.route.key, version.id);
  return bundle;
}

Outcome<void> charge_creation(const VaultCall& call, bool hsm) {
  return charge(call, Charge{true, hsm, 1});
}

Outcome<void> charge_operation(const VaultCall& call) {
  auto found = find_key(call, call.vault);
  if (!found) return charge(call, Charge{});
  const auto& version = *found.value().version;
  return charge(call, Charge{false, version.hsm, call.route.action == VaultAction::Crypto ? weight_of(version) : 1});
}

}  // namespace latchkey::clouds::azure::emulator
