#include <fmt/format.h>

#include "clouds/azure/emulator/vault/key_versions.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

Outcome<json::object> create_key(VaultCall& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto plan, read_plan(call.vault, body));
  LATCHKEY_TRY(auto request, read_key_request(body, body));
  auto version = new_version(call.cloud, call.now);
  version.hsm = plan.hsm;
  version.operations = default_operations(!plan.curve.empty());
  LATCHKEY_TRYV(apply(request, version));
  // Checked before the slow work, and again after it: another call may take the name meanwhile.
  LATCHKEY_TRYV(check_name_is_free(call.vault, call, call.route.key));
  LATCHKEY_TRYV(charge_creation(call, plan.hsm));
  LATCHKEY_TRY(version.material, make_material(call.cloud, plan));
  return add_version(call, std::move(version));
}

Outcome<json::object> get_key(VaultCall& call) {
  LATCHKEY_TRY(auto found, find_key(call, call.vault));
  call.audit_id = key_id(call, found.key->name, found.version->id);
  return key_bundle(call, call.vault, *found.key, *found.version);
}

Outcome<json::object> update_key(VaultCall& call) {
  LATCHKEY_TRYV(find_key(call, call.vault));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto request, read_key_request(body, body));
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRY(auto found, find_key(call, *vault));
    // The model being changed is ours; find_key is const for its other callers.
    auto& version = const_cast<KeyVersion&>(*found.version);
    LATCHKEY_TRYV(apply(request, version));
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
    if (is_coming_back(found->second, call)) return check_name_is_free(*vault, call, call.route.key).error();
    DeletedKey deleted{std::move(found->second), call.now, call.now + vault->retention_days * kDay};
    vault->keys.erase(found);
    auto shown = key_bundle(call, *vault, deleted.key, deleted.key.versions.back());
    add_deletion(call, deleted, shown);
    vault->deleted_keys[lower(call.route.key)] = std::move(deleted);
    return shown;
  });
}

}  // namespace latchkey::clouds::azure::emulator
