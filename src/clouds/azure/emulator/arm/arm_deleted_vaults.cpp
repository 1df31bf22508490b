#include <algorithm>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

// Vaults and managed HSMs are deleted alike, under two names.
bool is_of_hsms(const Call& call) {
  return std::any_of(call.path.begin(), call.path.end(),
                     [](const std::string& segment) { return same(segment, "deletedManagedHSMs"); });
}

template <class AnyModel>
auto& deleted_in(const Call& call, AnyModel& model) {
  return is_of_hsms(call) ? model.deleted_managed_hsms : model.deleted_vaults;
}

json::object show_deleted(const DeletedVault& deleted) {
  const auto& vault = deleted.vault;
  std::string_view kind = vault.managed_hsm ? "deletedManagedHSMs" : "deletedVaults";
  json::object properties{
      {vault.managed_hsm ? "mhsmId" : "vaultId", vault.managed_hsm ? hsm_resource_id(vault) : vault_resource_id(vault)},
      {"location", vault.location},
      {"tags", vault.tags},
      {"deletionDate", graph_time(deleted.deleted)},
      {"scheduledPurgeDate", graph_time(deleted.purge_at)}};
  if (vault.purge_protection) properties["purgeProtectionEnabled"] = true;
  return {{"id", fmt::format("/subscriptions/{}/providers/Microsoft.KeyVault/locations/{}/{}/{}", vault.subscription_id,
                             vault.location, kind, vault.name)},
          {"name", vault.name},
          {"type", fmt::format("Microsoft.KeyVault/{}", kind)},
          {"properties", std::move(properties)}};
}

std::string action_on(const Call& call, std::string_view prefix, std::string_view verb) {
  return fmt::format("Microsoft.KeyVault/{}{}/{}", prefix, is_of_hsms(call) ? "deletedManagedHsms" : "deletedVaults",
                     verb);
}

Outcome<http::Response> list_deleted(const Call& call) {
  LATCHKEY_TRYV(call.require(action_on(call, "", "read"), call.scope(2)));
  json::array items;
  for (const auto& [name, deleted] : deleted_in(call, *call.model)) {
    if (same(deleted.vault.subscription_id, call.path[1]) && deleted.purge_at > call.now) {
      items.push_back(show_deleted(deleted));
    }
  }
  return json_response(200, json::object{{"value", std::move(items)}});
}

Outcome<const DeletedVault*> find_deleted(const Call& call, const Model& model) {
  const auto& all = deleted_in(call, model);
  auto found = all.find(lower(call.path[7]));
  if (found == all.end() || found->second.purge_at <= call.now ||
      found->second.vault.location != location_name(call.path[5]) ||
      !same(found->second.vault.subscription_id, call.path[1])) {
    return Refusal{404, is_of_hsms(call) ? "DeletedHSMNotFound" : "DeletedVaultNotFound",
                   fmt::format("The specified deleted {} '{}' does not exist.",
                               is_of_hsms(call) ? "managed HSM" : "vault", json_fields::clean_text(call.path[7]))};
  }
  return &found->second;
}

Outcome<http::Response> get_deleted(const Call& call) {
  LATCHKEY_TRYV(call.require(action_on(call, "locations/", "read"), call.scope(2)));
  LATCHKEY_TRY(const auto* deleted, find_deleted(call, *call.model));
  return json_response(200, show_deleted(*deleted));
}

Outcome<http::Response> purge(const Call& call) {
  LATCHKEY_TRYV(call.require(action_on(call, "locations/", "purge/action"), call.scope(2)));
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    LATCHKEY_TRY(const auto* deleted, find_deleted(call, model));
    if (deleted->vault.purge_protection) {
      return Refusal{405, "MethodNotAllowed",
                     fmt::format("Operation '{}' is not allowed.",
                                 is_of_hsms(call) ? "DeletedManagedHSMPurge" : "DeletedVaultPurge")};
    }
    deleted_in(call, model).erase(lower(call.path[7]));
    return true;
  }));
  return empty_response(200);
}

}  // namespace

std::optional<Outcome<http::Response>> handle_deleted_vaults(Call& call) {
  constexpr std::string_view kProvider = "Microsoft.KeyVault";
  bool gets = call.method() == "GET";
  for (std::string_view kind : {"deletedVaults", "deletedManagedHSMs"}) {
    if (call.is({"subscriptions", "*", "providers", kProvider, kind}) && gets) return list_deleted(call);
    if (call.is({"subscriptions", "*", "providers", kProvider, "locations", "*", kind, "*"}) && gets) {
      return get_deleted(call);
    }
    if (call.is({"subscriptions", "*", "providers", kProvider, "locations", "*", kind, "*", "purge"}) &&
        call.method() == "POST") {
      return purge(call);
    }
  }
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::arm
