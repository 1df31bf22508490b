#include "clouds/azure/customer/clients.hpp"

#include <array>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "clouds/azure/provider/response_text.hpp"
#include "clouds/azure/provider/vault_uri.hpp"

namespace latchkey::clouds::azure::customer {

namespace json = boost::json;
using clouds::azure::text_field;

namespace {

constexpr std::string_view kSubscriptionVersion = "2022-12-01";
constexpr std::string_view kResourceVersion = "2021-04-01";
constexpr std::string_view kVaultVersion = "2022-07-01";
constexpr std::string_view kRoleVersion = "2022-04-01";
constexpr std::string_view kDiagnosticsVersion = "2021-05-01-preview";
constexpr std::string_view kKeyVersion = "7.4";

// An OData literal, in which quotes are doubled.
std::string odata_text(std::string_view text) {
  std::string value = "'";
  for (char c : text) value += c == '\'' ? std::string("''") : std::string(1, c);
  return value + "'";
}

template <class Item>
std::vector<Item> read_all(const json::array& items, Item (*read)(const json::object&)) {
  std::vector<Item> list;
  for (const auto& item : items) list.push_back(read(item.get_object()));
  return list;
}

}  // namespace

Graph::Graph(Rest::Tools tools, const Cloud& cloud, const std::string& tenant, Rest::Observer observer)
    : rest_(std::move(tools), tenant, cloud.graph + "/", std::move(observer)),
      root_(cloud.graph + "/v1.0/servicePrincipals") {}

Result<std::optional<Principal>> Graph::find(const std::string& app_id) {
  auto filter = fmt::format("servicePrincipalNames/any(c:c eq {})", odata_text(app_id));
  LATCHKEY_TRY(auto found, rest_.list({fmt::format("looking the service principal of {} up", app_id), "GET",
                                       fmt::format("{}?$filter={}", root_, percent_encode(filter))}));
  if (found.empty()) return std::optional<Principal>();
  return std::optional(read_principal(found.front().get_object()));
}

Result<Principal> Graph::consent(const std::string& app_id) {
  LATCHKEY_TRY(auto made, rest_.send({fmt::format("consenting to the app {}", app_id), "POST", root_,
                                      json::object{{"appId", app_id}}, false}));
  return read_principal(made);
}

Result<std::vector<Principal>> Graph::named(const std::string& prefix) {
  auto filter = fmt::format("startswith(displayName,{})", odata_text(prefix));
  LATCHKEY_TRY(auto found, rest_.list({"looking for apps of a similar name", "GET",
                                       fmt::format("{}?$filter={}", root_, percent_encode(filter))}));
  return read_all(found, read_principal);
}

ResourceManager::ResourceManager(Rest::Tools tools, const Cloud& cloud, Rest::Observer observer)
    : rest_(std::move(tools), "", cloud.arm + "/", std::move(observer)), root_(cloud.arm) {}

std::string ResourceManager::url(const std::string& id, std::string_view version) const {
  return fmt::format("{}{}{}api-version={}", root_, id, id.find('?') == std::string::npos ? "?" : "&", version);
}

Result<std::vector<Subscription>> ResourceManager::subscriptions() {
  LATCHKEY_TRY(auto found,
               rest_.list({"listing the subscriptions", "GET", url("/subscriptions", kSubscriptionVersion)}));
  std::vector<Subscription> list;
  for (const auto& item : found) {
    const auto& fields = item.get_object();
    list.push_back(
        {text_field(fields, "subscriptionId"), text_field(fields, "tenantId"), text_field(fields, "displayName")});
  }
  return list;
}

Result<std::vector<VaultName>> ResourceManager::vaults(const std::string& subscription) {
  auto filter = percent_encode("resourceType eq 'Microsoft.KeyVault/vaults'");
  auto path = fmt::format("/subscriptions/{}/resources?$filter={}", subscription, filter);
  LATCHKEY_TRY(auto found, rest_.list({"listing the vaults", "GET", url(path, kResourceVersion)}));
  std::vector<VaultName> list;
  for (const auto& item : found) {
    list.push_back({text_field(item.get_object(), "id"), text_field(item.get_object(), "name")});
  }
  return list;
}

Result<Vault> ResourceManager::vault(const std::string& id) {
  LATCHKEY_TRY(auto body, rest_.send({"reading the vault", "GET", url(id, kVaultVersion)}));
  return read_vault(body);
}

Result<Vault> ResourceManager::put_vault(const std::string& id, const json::object& body) {
  LATCHKEY_TRY(auto made, rest_.send({"making the vault", "PUT", url(id, kVaultVersion), body}));
  return read_vault(made);
}

Result<Vault> ResourceManager::patch_vault(const std::string& id, const json::object& body) {
  LATCHKEY_TRY(auto changed, rest_.send({"changing the vault", "PATCH", url(id, kVaultVersion), body}));
  return read_vault(changed);
}

Result<bool> ResourceManager::has_group(const std::string& subscription, const std::string& group) {
  auto path = fmt::format("/subscriptions/{}/resourcegroups/{}", subscription, percent_encode(group));
  auto body = rest_.send({"reading the resource group", "GET", url(path, kResourceVersion)});
  if (body) return true;
  if (body.error().code == ErrorCode::NotFound) return false;
  return body.error();
}

Result<void> ResourceManager::put_group(const std::string& subscription, const std::string& group,
                                        const std::string& location) {
  auto path = fmt::format("/subscriptions/{}/resourcegroups/{}", subscription, percent_encode(group));
  LATCHKEY_TRYV(rest_.send(
      {"making the resource group", "PUT", url(path, kResourceVersion), json::object{{"location", location}}}));
  return success();
}

Result<std::vector<RoleAssignment>> ResourceManager::assignments(const std::string& scope,
                                                                 const std::string& principal) {
  auto filter = percent_encode(fmt::format("atScope() and assignedTo({})", odata_text(principal)));
  auto path = fmt::format("{}/providers/Microsoft.Authorization/roleAssignments?$filter={}", scope, filter);
  LATCHKEY_TRY(auto found, rest_.list({"listing the role assignments", "GET", url(path, kRoleVersion)}));
  return read_all(found, read_role_assignment);
}

Result<Role> ResourceManager::role(const std::string& id) {
  LATCHKEY_TRY(auto body, rest_.send({"reading a role definition", "GET", url(id, kRoleVersion)}));
  return read_role(body);
}

Result<Role> ResourceManager::role_named(const std::string& scope, const std::string& name) {
  auto filter = percent_encode(fmt::format("roleName eq {}", odata_text(name)));
  auto path = fmt::format("{}/providers/Microsoft.Authorization/roleDefinitions?$filter={}", scope, filter);
  auto what = fmt::format("looking the role {} up", name);
  LATCHKEY_TRY(auto found, rest_.list({what, "GET", url(path, kRoleVersion)}));
  if (found.empty()) return Error{ErrorCode::NotFound, what + ": there is none of that name"};
  return read_role(found.front().get_object());
}

Result<void> ResourceManager::assign(const std::string& scope, const std::string& assignment,
                                     const std::string& role_id, const std::string& principal,
                                     const std::string& principal_type) {
  auto path = fmt::format("{}/providers/Microsoft.Authorization/roleAssignments/{}", scope, assignment);
  json::object body{
      {"properties", {{"roleDefinitionId", role_id}, {"principalId", principal}, {"principalType", principal_type}}}};
  LATCHKEY_TRYV(rest_.send({"the role assignment", "PUT", url(path, kRoleVersion), std::move(body)}));
  return success();
}

Result<std::vector<DiagnosticSetting>> ResourceManager::diagnostics(const std::string& vault_id) {
  auto path = vault_id + "/providers/Microsoft.Insights/diagnosticSettings";
  LATCHKEY_TRY(auto found, rest_.list({"listing the diagnostic settings", "GET", url(path, kDiagnosticsVersion)}));
  return read_all(found, read_diagnostic_setting);
}

Result<void> ResourceManager::put_diagnostics(const std::string& vault_id, const std::string& name,
                                              const json::object& body) {
  auto path = fmt::format("{}/providers/Microsoft.Insights/diagnosticSettings/{}", vault_id, percent_encode(name));
  LATCHKEY_TRYV(rest_.send({"the diagnostic setting", "PUT", url(path, kDiagnosticsVersion), body}));
  return success();
}

VaultKeys::VaultKeys(Rest rest, std::string root) : rest_(std::move(rest)), root_(std::move(root)) {}

Result<VaultKeys> VaultKeys::create(Rest::Tools tools, const Cloud& cloud, const std::string& tenant,
                                    const std::string& vault_uri, Rest::Observer observer) {
  std::array suffixes{cloud.vault_suffix};
  LATCHKEY_TRY(auto uri, clouds::azure::parse_vault_uri(vault_uri, suffixes));
  return VaultKeys(Rest(std::move(tools), tenant, uri.resource, std::move(observer)), "https://" + uri.host);
}

std::string VaultKeys::url(const std::string& path) const {
  return fmt::format("{}/keys{}{}api-version={}", root_, path, path.find('?') == std::string::npos ? "?" : "&",
                     kKeyVersion);
}

Result<VaultKey> VaultKeys::get(const std::string& name) {
  LATCHKEY_TRY(auto body, rest_.send({fmt::format("reading the key {}", name), "GET", url("/" + name)}));
  return read_vault_key(body);
}

Result<bool> VaultKeys::holds_only(const std::string& name) {
  LATCHKEY_TRY(auto found, rest_.list({"listing the keys", "GET", url("?maxresults=25")}));
  for (const auto& item : found) {
    auto id = text_field(item.get_object(), "kid");
    if (!boost::algorithm::iends_with(id, "/keys/" + name)) return false;
  }
  return true;
}

Result<VaultKey> VaultKeys::make(const std::string& name, const std::string& type, unsigned bits) {
  json::object body{{"kty", type}, {"key_size", bits}, {"key_ops", {"wrapKey", "unwrapKey"}}};
  LATCHKEY_TRY(auto made, rest_.send({fmt::format("making the key {}", name), "POST", url("/" + name + "/create"),
                                      std::move(body), false}));
  return read_vault_key(made);
}

Result<VaultKey> VaultKeys::set_enabled(const std::string& name, bool enabled) {
  LATCHKEY_TRY(auto changed, rest_.send({fmt::format("changing the key {}", name), "PATCH", url("/" + name),
                                         json::object{{"attributes", {{"enabled", enabled}}}}}));
  return read_vault_key(changed);
}

}  // namespace latchkey::clouds::azure::customer
