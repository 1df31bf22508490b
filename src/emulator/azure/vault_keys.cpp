#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "emulator/azure/key_material.hpp"
#include "emulator/azure/vault_call.hpp"

namespace latchkey::emulator::azure {

namespace json = boost::json;

namespace {

constexpr std::size_t kVersionBytes = 16;
constexpr std::size_t kMaxVersions = 500;
constexpr unsigned kDefaultBits = 2048;

// What a create or update says about a version; absent: leave it.
struct Wishes {
  std::optional<std::vector<std::string>> operations;
  std::optional<bool> enabled;
  std::optional<Seconds> not_before;
  std::optional<Seconds> expires;
  std::optional<json::object> tags;
};

const json::value* given(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Outcome<std::optional<Seconds>> read_seconds(const json::object& attributes, std::string_view name) {
  const auto* value = given(attributes, name);
  if (value == nullptr) return std::optional<Seconds>();
  if (!value->is_int64() || value->get_int64() < 0) return invalid_value();
  return std::optional<Seconds>(value->get_int64());
}

Outcome<void> read_attributes(const json::object& body, Wishes& wishes) {
  const auto* value = given(body, "attributes");
  if (value == nullptr) return success();
  if (!value->is_object()) return invalid_value();
  const auto& attributes = value->get_object();
  if (const auto* enabled = given(attributes, "enabled"); enabled != nullptr) {
    if (!enabled->is_bool()) return invalid_value();
    wishes.enabled = enabled->get_bool();
  }
  if (const auto* exportable = given(attributes, "exportable"); exportable != nullptr) {
    if (!exportable->is_bool() || exportable->get_bool()) {
      return bad_parameter("Exportable keys are not supported by this vault.");
    }
  }
  LATCHKEY_TRY(wishes.not_before, read_seconds(attributes, "nbf"));
  LATCHKEY_TRY(wishes.expires, read_seconds(attributes, "exp"));
  return success();
}

Outcome<void> read_operations(const json::object& body, Wishes& wishes) {
  const auto* value = given(body, "key_ops");
  if (value == nullptr) return success();
  if (!value->is_array()) return invalid_value();
  std::vector<std::string> operations;
  for (const auto& item : value->get_array()) {
    if (!item.is_string() || !is_key_operation_text(item.get_string())) return invalid_value();
    std::string name(item.get_string());
    if (std::find(operations.begin(), operations.end(), name) == operations.end()) operations.push_back(name);
  }
  wishes.operations = std::move(operations);
  return success();
}

Outcome<void> read_tags(const json::object& body, Wishes& wishes) {
  constexpr std::size_t kMaxTags = 15;
  constexpr std::size_t kMaxTagText = 256;
  const auto* value = given(body, "tags");
  if (value == nullptr) return success();
  if (!value->is_object() || value->get_object().size() > kMaxTags) return invalid_value();
  for (const auto& [name, text] : value->get_object()) {
    if (!text.is_string() || text.get_string().size() > kMaxTagText || name.size() > kMaxTagText) {
      return invalid_value();
    }
  }
  wishes.tags = value->get_object();
  return success();
}

Outcome<Wishes> read_wishes(const json::object& body) {
  Wishes wishes;
  LATCHKEY_TRYV(read_attributes(body, wishes));
  LATCHKEY_TRYV(read_operations(body, wishes));
  LATCHKEY_TRYV(read_tags(body, wishes));
  return wishes;
}

Outcome<void> apply(const Wishes& wishes, KeyVersion& version) {
  if (wishes.operations) version.operations = *wishes.operations;
  if (wishes.enabled) version.enabled = *wishes.enabled;
  if (wishes.not_before) version.not_before = wishes.not_before;
  if (wishes.expires) version.expires = wishes.expires;
  if (wishes.tags) version.tags = *wishes.tags;
  if (version.not_before && version.expires && *version.not_before > *version.expires) return invalid_value();
  return success();
}

struct KeyPlan {
  bool hsm = false;
  bool elliptic = false;
  unsigned bits = kDefaultBits;
};

Outcome<KeyPlan> read_plan(const Vault& vault, const json::object& body) {
  constexpr std::array<std::int64_t, 3> kSizes = {2048, 3072, 4096};
  if (given(body, "release_policy") != nullptr) {
    return bad_parameter("Release policies are not supported by this vault.");
  }
  const auto* type = given(body, "kty");
  if (type == nullptr) return bad_parameter("Property 'kty' is required.\r\n");
  KeyPlan plan;
  if (!type->is_string()) return invalid_value();
  std::string_view name = type->get_string();
  plan.elliptic = name == "EC" || name == "EC-HSM";
  plan.hsm = name == "RSA-HSM" || name == "EC-HSM";
  if (!plan.elliptic && name != "RSA" && name != "RSA-HSM") return invalid_value();
  if (plan.hsm && vault.sku != "premium") {
    return bad_parameter("HSM-protected keys are not supported by a vault of the standard SKU; use a premium vault.");
  }
  if (const auto* curve = given(body, "crv"); plan.elliptic && curve != nullptr) {
    if (!curve->is_string() || curve->get_string() != "P-256") return invalid_value();
  }
  if (const auto* size = given(body, "key_size"); !plan.elliptic && size != nullptr) {
    if (!size->is_int64() || std::find(kSizes.begin(), kSizes.end(), size->get_int64()) == kSizes.end()) {
      return invalid_value();
    }
    plan.bits = static_cast<unsigned>(size->get_int64());
  }
  return plan;
}

Outcome<SharedMaterial> make_material(const KeyPlan& plan) {
  auto made = plan.elliptic ? make_p256_material() : make_rsa_material(plan.bits);
  if (!made) return refuse_for(made.error());
  return std::move(made.value());
}

std::vector<std::string> default_operations(const KeyPlan& plan) {
  if (plan.elliptic) return {"sign", "verify"};
  return {"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"};
}

// A deleted key keeps its name until it is purged.
Outcome<void> check_name_is_free(Vault& vault, const VaultCall& call) {
  if (find_deleted_key(vault, call.route.key, call.now) != nullptr) {
    return Refusal{409, "Conflict",
                   fmt::format("Key {} is currently in a deleted but recoverable state, and its name cannot be reused; "
                               "in this state, the key can only be recovered or purged.",
                               call.route.key),
                   "ObjectIsDeletedButRecoverable"};
  }
  vault.deleted_keys.erase(lower(call.route.key));
  return success();
}

Outcome<json::object> add_version(VaultCall& call, KeyVersion version, bool hsm) {
  LATCHKEY_TRY(auto bundle, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(check_name_is_free(*vault, call));
    auto& key = vault->keys[lower(call.route.key)];
    if (key.versions.empty()) key.name = call.route.key;
    if (key.versions.size() >= kMaxVersions) {
      return bad_parameter(fmt::format("The key has {} versions, the most that it may have.", kMaxVersions));
    }
    key.hsm = hsm;
    key.versions.push_back(version);
    return key_bundle(call, *vault, key, key.versions.back());
  }));
  call.audit_id = key_id(call, call.route.key, version.id);
  return bundle;
}

}  // namespace

Outcome<json::object> create_key(VaultCall& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto plan, read_plan(call.vault, body));
  LATCHKEY_TRY(auto wishes, read_wishes(body));
  KeyVersion version;
  version.id = random_hex(call.cloud.random, kVersionBytes);
  version.operations = default_operations(plan);
  version.created = call.now;
  version.updated = call.now;
  LATCHKEY_TRYV(apply(wishes, version));
  LATCHKEY_TRY(version.material, make_material(plan));
  return add_version(call, std::move(version), plan.hsm);
}

Outcome<json::object> rotate_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call.vault, call.route));
  const auto& newest = *found.version;
  KeyPlan plan{found.key->hsm, !newest.material->rsa.has_value(), kDefaultBits};
  if (newest.material->rsa) plan.bits = newest.material->rsa->bits();
  KeyVersion version;
  version.id = random_hex(call.cloud.random, kVersionBytes);
  version.operations = newest.operations;
  version.tags = newest.tags;
  version.created = call.now;
  version.updated = call.now;
  LATCHKEY_TRY(version.material, make_material(plan));
  return add_version(call, std::move(version), plan.hsm);
}

Outcome<json::object> get_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call.vault, call.route));
  call.audit_id = key_id(call, found.key->name, found.version->id);
  return key_bundle(call, call.vault, *found.key, *found.version);
}

Outcome<json::object> update_key(VaultCall& call) {
  LATCHKEY_TRYV(find_key(call.vault, call.route));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto wishes, read_wishes(body));
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRY(auto found, find_key(*vault, call.route));
    // The model being changed is ours; find_key is const for its other callers.
    auto& version = const_cast<KeyVersion&>(*found.version);
    LATCHKEY_TRYV(apply(wishes, version));
    version.updated = call.now;
    call.audit_id = key_id(call, found.key->name, version.id);
    return key_bundle(call, *vault, *found.key, version);
  });
}

Outcome<json::object> delete_key(VaultCall& call) {
  constexpr Seconds kDay = 86400;
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    auto found = vault->keys.find(lower(call.route.key));
    if (found == vault->keys.end()) return key_not_found(call.route);
    DeletedKey deleted{std::move(found->second), call.now, call.now + vault->retention_days * kDay};
    vault->keys.erase(found);
    auto shown = key_bundle(call, *vault, deleted.key, deleted.key.versions.back());
    add_deletion(call, deleted, shown);
    vault->deleted_keys[lower(call.route.key)] = std::move(deleted);
    return shown;
  });
}

}  // namespace latchkey::emulator::azure
