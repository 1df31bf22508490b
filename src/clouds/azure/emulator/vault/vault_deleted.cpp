#include <fmt/format.h>

#include "clouds/azure/emulator/vault/key_versions.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

Refusal deleted_key_not_found(const VaultRoute& route) {
  return {404, "KeyNotFound", fmt::format("Deleted Key not found: {}", route.key)};
}

// The deleted key, where it may be recovered or purged.
Outcome<const DeletedKey*> deleted_to_change(const Vault& vault, const VaultCall& call) {
  const auto* deleted = find_deleted_key(vault, call);
  if (deleted != nullptr) return deleted;
  auto busy = check_name_is_free(vault, call, call.route.key);
  if (!busy) return std::move(busy.error());
  return deleted_key_not_found(call.route);
}

}  // namespace

Outcome<json::object> get_deleted_key(VaultCall& call) {
  const auto* deleted = find_deleted_key(call.vault, call);
  if (deleted == nullptr) return deleted_key_not_found(call.route);
  auto shown = key_bundle(call, call.vault, deleted->key, deleted->key.versions.back());
  add_deletion(call, *deleted, shown);
  return shown;
}

Outcome<json::object> recover_key(VaultCall& call) {
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(deleted_to_change(*vault, call));
    auto name = lower(call.route.key);
    auto& key = vault->keys[name];
    key = std::move(vault->deleted_keys[name].key);
    key.recovered = call.now;
    vault->deleted_keys.erase(name);
    return key_bundle(call, *vault, key, key.versions.back());
  });
}

Outcome<json::object> purge_key(VaultCall& call) {
  return call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    LATCHKEY_TRY(auto* vault, vault_to_change(model, call));
    LATCHKEY_TRYV(deleted_to_change(*vault, call));
    if (vault->purge_protection) {
      return Refusal{
          403, "Forbidden",
          fmt::format("Operation \"purge\" is not allowed because purge protection is enabled for this vault. "
                      "Key Vault service will automatically purge it after the retention period has "
                      "passed.\r\nVault: {};location={}",
                      vault->name, vault->location)};
    }
    vault->deleted_keys.erase(lower(call.route.key));
    return json::object();
  });
}

}  // namespace latchkey::clouds::azure::emulator
