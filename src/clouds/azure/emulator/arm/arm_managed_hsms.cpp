// Managed HSMs. Azure takes half an hour to make one, which then waits for the download of its security domain; this
// one is ready at once.
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/network.hpp"
#include "clouds/azure/emulator/vault/hsm_roles.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

constexpr Seconds kDay = 86400;

Refusal hsm_not_found(const Call& call) {
  return {404, "ResourceNotFound",
          fmt::format("The Resource 'Microsoft.KeyVault/managedHSMs/{}' under resource group '{}' was not found. For "
                      "more details please go to https://aka.ms/ARMResourceNotFoundFix",
                      json_fields::clean_text(call.path[7]), json_fields::clean_text(call.path[3], 90))};
}

Outcome<const Vault*> hsm_at(const Call& call, const Model& model) {
  const auto* hsm = find_vault(model, VaultName{call.path[7], true});
  if (hsm == nullptr || !same(hsm->subscription_id, call.path[1]) || !same(hsm->resource_group, call.path[3])) {
    return hsm_not_found(call);
  }
  return hsm;
}

json::object show_hsm(const Vault& hsm) {
  auto shown = show_vault(hsm);
  auto& properties = shown["properties"].as_object();
  for (auto of_vaults : {"sku", "accessPolicies", "enabledForDeployment", "enabledForDiskEncryption",
                         "enabledForTemplateDeployment", "enableRbacAuthorization", "vaultUri"}) {
    properties.erase(of_vaults);
  }
  json::array administrators;
  for (const auto& id : hsm.initial_administrators) administrators.emplace_back(id);
  properties["initialAdminObjectIds"] = std::move(administrators);
  properties["hsmUri"] = fmt::format("https://{}/", public_host(hsm));
  properties["statusMessage"] = "The Managed HSM is provisioned and ready to use.";
  shown["type"] = "Microsoft.KeyVault/managedHSMs";
  shown["sku"] = json::object{{"family", "B"}, {"name", "Standard_B1"}};
  shown["id"] = hsm_resource_id(hsm);
  return shown;
}

Outcome<std::vector<std::string>> read_administrators(const json::object& body) {
  const auto* properties = body.if_contains("properties");
  const auto* list = properties != nullptr && properties->is_object()
                         ? properties->get_object().if_contains("initialAdminObjectIds")
                         : nullptr;
  std::vector<std::string> ids;
  if (list != nullptr && list->is_array()) {
    for (const auto& item : list->get_array()) {
      if (!item.is_string() || !is_guid(item.get_string())) {
        return bad_request("The property \"initialAdminObjectIds\" is a list of object ids.");
      }
      ids.push_back(lower(std::string_view(item.get_string())));
    }
  }
  if (ids.empty()) return bad_request("The property \"initialAdminObjectIds\" names at least one administrator.");
  return ids;
}

// Vaults and managed HSMs show tenant, retention, protection and network in the same way.
Outcome<void> apply_body(const Model& model, json::object body, bool is_new, Vault& hsm) {
  if (auto* properties = body.if_contains("properties"); properties != nullptr && properties->is_object()) {
    properties->get_object()["sku"] = json::object{{"name", "premium"}};
    properties->get_object().erase("accessPolicies");
    properties->get_object().erase("enableRbacAuthorization");
  }
  return apply_vault_body(model, body, is_new, hsm);
}

Outcome<void> check_name(const Call& call, const Model& model) {
  const auto& name = call.path[7];
  if (!is_vault_name(name)) {
    return Refusal{400, "ManagedHsmNameNotValid",
                   fmt::format("The managed HSM name '{}' is invalid: 3 to 24 letters, digits and hyphens, a letter "
                               "first.",
                               json_fields::clean_text(name))};
  }
  auto deleted = model.deleted_managed_hsms.find(lower(name));
  bool is_held = deleted != model.deleted_managed_hsms.end() && deleted->second.purge_at > call.now;
  if (!is_held && find_vault(model, VaultName{name, true}) == nullptr) return success();
  return Refusal{
      409, "Conflict",
      is_held ? fmt::format("A managed HSM with the name '{}' exists in deleted state. Recover or purge it.", name)
              : fmt::format("The managed HSM name '{}' is already in use.", name)};
}

Outcome<Vault> make_hsm(const Call& call, const Model& model, const json::object& body) {
  const auto* group = find_resource_group(model, call.path[1], call.path[3]);
  if (group == nullptr) return group_not_found(call.path[3]);
  LATCHKEY_TRYV(check_name(call, model));
  Vault hsm;
  hsm.name = call.path[7];
  hsm.managed_hsm = true;
  hsm.subscription_id = lower(call.path[1]);
  hsm.resource_group = group->name;
  const auto* location = body.if_contains("location");
  if (location == nullptr || !location->is_string() || location->get_string().empty()) {
    return Refusal{400, "LocationRequired", "The location property is required for this definition."};
  }
  hsm.location = location_name(location->get_string());
  LATCHKEY_TRY(hsm.initial_administrators, read_administrators(body));
  hsm.created_by = call.caller.app_id;
  hsm.created = call.now;
  LATCHKEY_TRYV(apply_body(model, body, true, hsm));
  for (const auto& administrator : hsm.initial_administrators) {
    RoleAssignment assignment;
    assignment.name = new_guid(call.cloud.random);
    assignment.scope = "/";
    assignment.role_id = kHsmAdministratorRole;
    assignment.principal_id = administrator;
    assignment.principal_type = "ServicePrincipal";
    assignment.created_by = call.caller.object_id;
    // Its maker need not wait for the role.
    assignment.created = 0;
    hsm.local_assignments.emplace(local_assignment_key("/", assignment.name), std::move(assignment));
  }
  return hsm;
}

bool wants_recovery(const json::object& body) {
  const auto* properties = body.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return false;
  const auto* mode = properties->get_object().if_contains("createMode");
  return mode != nullptr && mode->is_string() && same(std::string_view(mode->get_string()), "recover");
}

Outcome<Vault> recover_hsm(const Call& call, Model& model) {
  auto found = model.deleted_managed_hsms.find(lower(call.path[7]));
  if (found == model.deleted_managed_hsms.end() || found->second.purge_at <= call.now ||
      !same(found->second.vault.subscription_id, call.path[1])) {
    return hsm_not_found(call);
  }
  auto hsm = std::move(found->second.vault);
  model.deleted_managed_hsms.erase(found);
  return hsm;
}

Outcome<http::Response> change_hsm(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/managedHSMs/write", call.scope(8)));
  LATCHKEY_TRY(auto body, read_body(call.request));
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto present = hsm_at(call, model);
    Vault hsm;
    if (present) {
      hsm = *present.value();
      LATCHKEY_TRYV(apply_body(model, body, false, hsm));
      keep_former_rules(*present.value(), hsm, call.now);
    } else if (call.method() == "PATCH") {
      return std::move(present.error());
    } else {
      auto made = wants_recovery(body) ? recover_hsm(call, model) : make_hsm(call, model, body);
      LATCHKEY_TRY(hsm, std::move(made));
    }
    hsm.updated = call.now;
    auto result = show_hsm(hsm);
    model.deleted_managed_hsms.erase(lower(hsm.name));
    model.managed_hsms.insert_or_assign(lower(hsm.name), std::move(hsm));
    return result;
  }));
  return json_response(200, shown);
}

Outcome<http::Response> delete_hsm(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/managedHSMs/delete", call.scope(8)));
  LATCHKEY_TRY(auto existed, call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    auto present = hsm_at(call, model);
    if (!present) return false;
    auto hsm = *present.value();
    forget_assignments(model, hsm_resource_id(hsm));
    auto purge_at = call.now + hsm.retention_days * kDay;
    auto name = lower(hsm.name);
    model.managed_hsms.erase(name);
    model.deleted_managed_hsms.insert_or_assign(name, DeletedVault{std::move(hsm), call.now, purge_at});
    return true;
  }));
  return empty_response(existed ? 200 : 204);
}

Outcome<http::Response> get_hsm(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/managedHSMs/read", call.scope(8)));
  LATCHKEY_TRY(const auto* hsm, hsm_at(call, *call.model));
  return json_response(200, show_hsm(*hsm));
}

Outcome<http::Response> list_hsms(const Call& call, std::string_view group) {
  LATCHKEY_TRYV(call.require("Microsoft.KeyVault/managedHSMs/read", call.scope(group.empty() ? 2 : 4)));
  LATCHKEY_TRYV(check_group(call));
  json::array items;
  for (const auto& [name, hsm] : call.model->managed_hsms) {
    if (same(hsm.subscription_id, call.path[1]) && (group.empty() || same(hsm.resource_group, group))) {
      items.push_back(show_hsm(hsm));
    }
  }
  return list_response(call, std::move(items));
}

}  // namespace

std::optional<Outcome<http::Response>> handle_managed_hsms(Call& call) {
  constexpr std::string_view kProvider = "Microsoft.KeyVault";
  bool gets = call.method() == "GET";
  if (call.is({"subscriptions", "*", "providers", kProvider, "managedHSMs"}) && gets) return list_hsms(call, "");
  if (call.is({"subscriptions", "*", "resourceGroups", "*", "providers", kProvider, "managedHSMs"}) && gets) {
    return list_hsms(call, call.path[3]);
  }
  if (!call.is({"subscriptions", "*", "resourceGroups", "*", "providers", kProvider, "managedHSMs", "*"})) {
    return std::nullopt;
  }
  if (gets) return get_hsm(call);
  if (call.method() == "PUT" || call.method() == "PATCH") return change_hsm(call);
  if (call.method() == "DELETE") return delete_hsm(call);
  return method_not_allowed(call);
}

}  // namespace latchkey::clouds::azure::emulator::arm
