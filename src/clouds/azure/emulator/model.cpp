#include "clouds/azure/emulator/model.hpp"

#include <algorithm>

#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

bool sends_audit_events(const json::object& properties) {
  const auto* logs = properties.if_contains("logs");
  if (logs == nullptr || !logs->is_array()) return false;
  auto is_on = [](const json::value& log) {
    if (!log.is_object()) return false;
    const auto* enabled = log.get_object().if_contains("enabled");
    if (enabled == nullptr || !enabled->is_bool() || !enabled->get_bool()) return false;
    auto names = [&](std::string_view field, std::string_view wanted) {
      const auto* value = log.get_object().if_contains(field);
      return value != nullptr && value->is_string() && same(std::string_view(value->get_string()), wanted);
    };
    return names("category", "AuditEvent") || names("categoryGroup", "audit") || names("categoryGroup", "allLogs");
  };
  return std::any_of(logs->get_array().begin(), logs->get_array().end(), is_on);
}

}  // namespace

const Vault* find_vault(const Model& model, std::string_view name) {
  auto found = model.vaults.find(lower(name));
  return found == model.vaults.end() ? nullptr : &found->second;
}

Vault* find_vault(Model& model, std::string_view name) {
  auto found = model.vaults.find(lower(name));
  return found == model.vaults.end() ? nullptr : &found->second;
}

const Vault* find_vault(const Model& model, const VaultName& name) {
  const auto& vaults = name.managed_hsm ? model.managed_hsms : model.vaults;
  auto found = vaults.find(lower(name.name));
  return found == vaults.end() ? nullptr : &found->second;
}

Vault* find_vault(Model& model, const VaultName& name) {
  auto& vaults = name.managed_hsm ? model.managed_hsms : model.vaults;
  auto found = vaults.find(lower(name.name));
  return found == vaults.end() ? nullptr : &found->second;
}

VaultName name_of(const Vault& vault) {
  return {vault.name, vault.managed_hsm};
}

std::string public_host(const Vault& vault) {
  return fmt::format("{}.{}.azure.net", lower(vault.name), vault.managed_hsm ? "managedhsm" : "vault");
}

const ServicePrincipal* find_service_principal(const Model& model, std::string_view tenant_id,
                                               std::string_view app_id) {
  for (const auto& [id, principal] : model.service_principals) {
    if (same(principal.tenant_id, tenant_id) && same(principal.app_id, app_id)) return &principal;
  }
  return nullptr;
}

const ResourceGroup* find_resource_group(const Model& model, std::string_view subscription_id, std::string_view name) {
  auto found = model.resource_groups.find(lower(subscription_id) + "/" + lower(name));
  return found == model.resource_groups.end() ? nullptr : &found->second;
}

std::string vault_resource_id(const Vault& vault) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}",
                     vault.subscription_id, vault.resource_group, vault.name);
}

std::string hsm_resource_id(const Vault& hsm) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/managedHSMs/{}",
                     hsm.subscription_id, hsm.resource_group, hsm.name);
}

std::string role_assignment_key(std::string_view scope, std::string_view name) {
  return lower(fmt::format("{}/providers/Microsoft.Authorization/roleAssignments/{}", scope == "/" ? "" : scope, name));
}

bool is_audited(const Vault& vault) {
  return std::any_of(vault.diagnostics.begin(), vault.diagnostics.end(),
                     [](const auto& entry) { return sends_audit_events(entry.second.properties); });
}

}  // namespace latchkey::clouds::azure::emulator
