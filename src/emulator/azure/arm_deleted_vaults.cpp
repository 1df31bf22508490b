#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "emulator/azure/arm.hpp"

namespace latchkey::emulator::azure::arm {

namespace json = boost::json;

namespace {

json::object show_deleted(const DeletedVault& deleted) {
  const auto& vault = deleted.vault;
  json::object properties{{"vaultId", vault_resource_id(vault)},
                          {"location", vault.location},
                          {"tags", vault.tags},
                          {"deletionDate", graph_time(deleted.deleted)},
                          {"scheduledPurgeDate", graph_time(deleted.purge_at)}};
  if (vault.purge_protection) properties["purgeProtectionEnabled"] = true;
  return {{"id", fmt::format("/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/deletedVaults/{}",
                             vault.subscription_id, vault.location, vault.name)},
          {"name", vault.name},
          {"type", "Microsoft.KeyVault/deletedVaults"},
          {"properties", std::move(properties)}};
}

Outcome<http::Response> list_deleted(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/deletedVaults/read", call.scope(2)));
  json::array items;
  for (const auto& [name, deleted] : call.model->deleted_vaults) {
    if (same(deleted.vault.subscription_id, call.path[1]) && deleted.purge_at > call.now) {
      items.push_back(show_deleted(deleted));
    }
  }
  return json_response(200, json::object{{"value", std::move(items)}});
}

Outcome<const DeletedVault*> find_deleted(const Call& call, const Model& model) {
  auto found = model.deleted_vaults.find(lower(call.path[7]));
  if (found == model.deleted_vaults.end() || found->second.purge_at <= call.now ||
      !same(found->second.vault.location, call.path[5]) || !same(found->second.vault.subscription_id, call.path[1])) {
    return Refusal{
        404, "DeletedVaultNotFound",
        fmt::format("The specified deleted vault '{}' does not exist.", json_fields::clean_text(call.path[7]))};
  }
  return &found->second;
}

Outcome<http::Response> get_deleted(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/locations/deletedVaults/read", call.scope(2)));
  LATCHKEY_TRY(const auto* deleted, find_deleted(call, *call.model));
  return json_response(200, show_deleted(*deleted));
}

Outcome<http::Response> purge(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/locations/deletedVaults/purge/action", call.scope(2)));
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    LATCHKEY_TRY(const auto* deleted, find_deleted(call, model));
    if (deleted->vault.purge_protection) {
      return Refusal{405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed."};
    }
    model.deleted_vaults.erase(lower(call.path[7]));
    return true;
  }));
  return empty_response(200);
}

}  // namespace

std::optional<Outcome<http::Response>> handle_deleted_vaults(Call& call) {
  constexpr std::string_view kProvider = "Microsoft.KeyVault";
  bool gets = call.method() == "GET";
  if (call.is({"subscriptions", "*", "providers", kProvider, "deletedVaults"}) && gets) return list_deleted(call);
  // az asks for both kinds; there are no managed HSMs here.
  if (call.is({"subscriptions", "*", "providers", kProvider, "deletedManagedHSMs"}) && gets) {
    return json_response(200, json::object{{"value", json::array()}});
  }
  if (call.is({"subscriptions", "*", "providers", kProvider, "locations", "*", "deletedVaults", "*"}) && gets) {
    return get_deleted(call);
  }
  if (call.is({"subscriptions", "*", "providers", kProvider, "locations", "*", "deletedVaults", "*", "purge"}) &&
      call.method() == "POST") {
    return purge(call);
  }
  return std::nullopt;
}

}  // namespace latchkey::emulator::azure::arm
