// Rotates keys: on request, and when a policy makes it due.
#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "clouds/azure/emulator/vault/key_versions.hpp"
#include "clouds/azure/emulator/vault/rotation_policy.hpp"
#include "clouds/azure/emulator/vault/vault_time.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

// After a long sleep only the latest versions are made: nobody could have used the others.
constexpr std::size_t kMostMadeUp = 12;

std::string policy_id(const VaultCall& call, const std::string& name) {
  return key_id(call, name) + "/rotationpolicy";
}

bool has_expired(const Vault& vault, Seconds now) {
  return std::any_of(vault.deleted_keys.begin(), vault.deleted_keys.end(),
                     [&](const auto& entry) { return entry.second.purge_at <= now; });
}

struct Rotated {
  std::string key, version;
  Seconds when;
};

void record_rotation(const Cloud& cloud, const Vault& vault, const Rotated& rotated) {
  if (!is_audited(vault)) return;
  AuditEvent event;
  event.time = Timestamp(std::chrono::seconds(rotated.when));
  event.operation = "KeyRotateIfDue";
  event.correlation_id = new_guid(cloud.random);
  event.id = fmt::format("https://{}/keys/{}/{}", public_host(vault), rotated.key, rotated.version);
  event.request_uri = event.id;
  cloud.audit.append(vault, event);
}

struct DueKey {
  std::string name;
  std::string newest;  // another call that adds a version in between has done the work
  std::vector<KeyVersion> versions;
};

Outcome<std::vector<DueKey>> make_due_versions(const Cloud& cloud, const Vault& vault, Seconds now) {
  std::vector<DueKey> due;
  for (const auto& [name, key] : vault.keys) {
    auto moments = due_rotations(key, now, kMostMadeUp);
    if (moments.empty()) continue;
    DueKey item{name, key.versions.back().id, {}};
    for (auto moment : moments) {
      auto version = successor_of(cloud, key, moment);
      LATCHKEY_TRY(version.material, make_material(cloud, plan_like(key.versions.back())));
      item.versions.push_back(std::move(version));
    }
    due.push_back(std::move(item));
  }
  return due;
}

}  // namespace

Outcome<json::object> rotate_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call, call.vault));
  auto version = successor_of(call.cloud, *found.key, call.now);
  LATCHKEY_TRYV(charge_creation(call, version.hsm));
  LATCHKEY_TRY(version.material, make_material(call.cloud, plan_like(*found.version)));
  return add_version(call, std::move(version));
}

Outcome<json::object> get_rotation_policy(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call, call.vault));
  return show_rotation_policy(found.key->rotation, policy_id(call, found.key->name));
}

Outcome<json::object> put_rotation_policy(VaultCall& call) {
  LATCHKEY_TRYV(find_key(call, call.vault));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto policy, read_rotation_policy(body, call.now));
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(find_key(call, *vault));
    auto& key = vault->keys.at(lower(call.route.key));
    if (key.rotation) policy.created = key.rotation->created;
    key.rotation = policy;
    return show_rotation_policy(key.rotation, policy_id(call, key.name));
  });
}

void let_time_pass(const Cloud& cloud, const VaultName& name, Seconds now) {
  auto model = cloud.state.read();
  const auto* vault = find_vault(*model, name);
  if (vault == nullptr) return;
  auto due = make_due_versions(cloud, *vault, now);
  if (!due) {
    spdlog::error("the emulator could not rotate the keys of {}: {}", vault->name, due.error().message);
    return;
  }
  if (due.value().empty() && !has_expired(*vault, now)) return;
  std::vector<Rotated> rotated;
  auto changed = cloud.state.change([&](Model& next) -> Outcome<bool> {
    auto* present = find_vault(next, name);
    if (present == nullptr) return true;
    std::erase_if(present->deleted_keys, [&](const auto& entry) { return entry.second.purge_at <= now; });
    for (auto& item : due.value()) {
      auto key = present->keys.find(item.name);
      if (key == present->keys.end() || key->second.versions.back().id != item.newest) continue;
      for (auto& version : item.versions) {
        rotated.push_back({key->second.name, version.id, version.created});
        key->second.versions.push_back(std::move(version));
      }
    }
    return true;
  });
  if (!changed) {
    spdlog::error("the emulator could not save what became due in {}: {}", vault->name, changed.error().message);
    return;
  }
  for (const auto& one : rotated) record_rotation(cloud, *vault, one);
}

}  // namespace latchkey::clouds::azure::emulator
