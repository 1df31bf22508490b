#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "base/utf8.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/entra/entra.hpp"
#include "clouds/azure/emulator/rbac.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

using odata::FieldType;
using enum odata::Ability;

constexpr std::array<std::string_view, 3> kProviders = {"Microsoft.KeyVault", "Microsoft.Authorization",
                                                        "Microsoft.Insights"};

json::object list(json::array items) {
  return {{"value", std::move(items)}};
}

json::object show_subscription(const Subscription& subscription) {
  return {{"id", "/subscriptions/" + subscription.id},
          {"authorizationSource", "RoleBased"},
          {"managedByTenants", json::array()},
          {"subscriptionId", subscription.id},
          {"tenantId", subscription.tenant_id},
          {"displayName", subscription.display_name},
          {"state", "Enabled"},
          {"subscriptionPolicies", json::object{{"locationPlacementId", "Public_2014-09-01"},
                                                {"quotaId", "PayAsYouGo_2014-09-01"},
                                                {"spendingLimit", "Off"}}}};
}

std::string group_id(const ResourceGroup& group) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}", group.subscription_id, group.name);
}

json::object show_group(const ResourceGroup& group) {
  return {{"id", group_id(group)},
          {"name", group.name},
          {"type", "Microsoft.Resources/resourceGroups"},
          {"location", group.location},
          {"tags", group.tags},
          {"properties", json::object{{"provisioningState", "Succeeded"}}}};
}

json::object show_provider(const Call& call, std::string_view name) {
  json::array types;
  auto add = [&](std::string_view type, json::array versions) {
    types.push_back(json::object{{"resourceType", type},
                                 {"locations", json::array{"East US", "West Europe"}},
                                 {"apiVersions", std::move(versions)}});
  };
  if (same(name, "Microsoft.KeyVault")) {
    add("vaults", {"2023-07-01", "2023-02-01", "2022-07-01", "2021-10-01", "2019-09-01", "2018-02-14"});
    add("deletedVaults", {"2023-07-01", "2023-02-01", "2022-07-01"});
  } else if (same(name, "Microsoft.Authorization")) {
    add("roleAssignments", {"2022-04-01", "2020-04-01-preview"});
    add("roleDefinitions", {"2022-04-01", "2018-01-01-preview"});
  } else {
    add("diagnosticSettings", {"2021-05-01-preview"});
  }
  return {{"id", fmt::format("/subscriptions/{}/providers/{}", call.path[1], name)},
          {"namespace", name},
          {"registrationPolicy", "RegistrationRequired"},
          {"registrationState", "Registered"},
          {"resourceTypes", std::move(types)}};
}

Outcome<http::Response> list_tenants(const Call& call) {
  const auto& tenant = call.model->tenants.at(call.caller.tenant_id);
  return json_response(200, list({json::object{{"id", "/tenants/" + tenant.id},
                                               {"tenantId", tenant.id},
                                               {"displayName", tenant.display_name},
                                               {"defaultDomain", tenant.domain},
                                               {"domains", json::array{tenant.domain}},
                                               {"countryCode", "US"},
                                               {"tenantCategory", "Home"}}}));
}

// The subscriptions in which the caller has any role at all.
Outcome<http::Response> list_subscriptions(const Call& call) {
  json::array items;
  for (const auto& [id, subscription] : call.model->subscriptions) {
    if (!same(subscription.tenant_id, call.caller.tenant_id)) continue;
    auto scope = "/subscriptions/" + id;
    for (const auto& [key, assignment] : call.model->role_assignments) {
      if (same(assignment.principal_id, call.caller.object_id) && is_within(assignment.scope, scope)) {
        items.push_back(show_subscription(subscription));
        break;
      }
    }
  }
  auto count = items.size();
  auto body = list(std::move(items));
  body["count"] = json::object{{"type", "Total"}, {"value", count}};
  return json_response(200, body);
}

Outcome<http::Response> get_subscription(const Call& call) {
  LATCHKEY_TRYV(call.require("Microsoft.Resources/subscriptions/read", call.scope(2)));
  return json_response(200, show_subscription(call.model->subscriptions.at(lower(call.path[1]))));
}

Outcome<http::Response> list_locations(const Call& call) {
  json::array items;
  for (auto [name, shown] : {std::pair("eastus", "East US"), std::pair("westus2", "West US 2"),
                             std::pair("westeurope", "West Europe"), std::pair("northeurope", "North Europe")}) {
    items.push_back(json::object{{"id", fmt::format("{}/locations/{}", call.scope(2), name)},
                                 {"name", name},
                                 {"displayName", shown},
                                 {"regionalDisplayName", shown},
                                 {"metadata", json::object{{"regionType", "Physical"}}}});
  }
  return json_response(200, list(std::move(items)));
}

constexpr auto kTagFields =
    std::to_array<odata::Field>({{"tagName", FieldType::Text, kEq | kStartsWith}, {"tagValue", FieldType::Text, kEq}});

Outcome<http::Response> list_groups(const Call& call) {
  LATCHKEY_TRY(auto filter, read_filter(call, kTagFields));
  json::array items;
  for (const auto& [key, group] : call.model->resource_groups) {
    if (same(group.subscription_id, call.path[1]) && lets_any_through(filter, kTagFields, {}, group.tags) &&
        call.may("Microsoft.Resources/subscriptions/resourceGroups/read", group_id(group))) {
      items.push_back(show_group(group));
    }
  }
  return list_response(call, std::move(items));
}

bool is_group_name(std::string_view name) {
  constexpr std::size_t kLongest = 90;
  // Resource Manager accepts letters of any script; other characters beyond ASCII are not checked.
  auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == '(' || c == ')' || static_cast<unsigned char>(c) >= 0x80;
  };
  return !name.empty() && utf8::utf16_units(name) <= kLongest && !name.ends_with('.') &&
         json_fields::clean_text(name, std::string::npos) == name && std::all_of(name.begin(), name.end(), allowed);
}

Outcome<http::Response> put_group(const Call& call) {
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* location = body.if_contains("location");
  if (location == nullptr || !location->is_string() || location->get_string().empty()) {
    return Refusal{400, "LocationRequired", "The location property is required for this definition."};
  }
  if (!is_group_name(call.path[3])) {
    return Refusal{400, "InvalidResourceGroup",
                   fmt::format("The provided resource group name '{}' has these invalid characters or length.",
                               json_fields::clean_text(call.path[3], 90))};
  }
  LATCHKEY_TRY(auto tags, read_tags(body));
  bool is_new = false;
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto key = lower(call.path[1]) + "/" + lower(call.path[3]);
    auto found = model.resource_groups.find(key);
    is_new = found == model.resource_groups.end();
    if (is_new) {
      ResourceGroup group{call.path[3], lower(call.path[1]), location_name(location->get_string()), {}};
      found = model.resource_groups.emplace(key, std::move(group)).first;
    }
    found->second.tags = tags.value_or(json::object());
    return show_group(found->second);
  }));
  return json_response(is_new ? 201 : 200, shown);
}

Outcome<http::Response> delete_group(const Call& call) {
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    for (const auto& [name, vault] : model.vaults) {
      if (same(vault.resource_group, call.path[3]) && same(vault.subscription_id, call.path[1])) {
        return Refusal{409, "ResourceGroupNotEmpty",
                       fmt::format("The resource group '{}' still holds the vault '{}'; delete that first.",
                                   call.path[3], vault.name)};
      }
    }
    model.resource_groups.erase(lower(call.path[1]) + "/" + lower(call.path[3]));
    forget_assignments(model, call.scope(4));
    return true;
  }));
  return empty_response(200);
}

Outcome<http::Response> handle_group(const Call& call) {
  constexpr std::string_view kAction = "Microsoft.Resources/subscriptions/resourceGroups/";
  bool reads = call.method() == "GET" || call.method() == "HEAD";
  bool writes = call.method() == "PUT" || call.method() == "PATCH";
  if (!reads && !writes && call.method() != "DELETE") return method_not_allowed(call);
  LATCHKEY_TRYV(call.require(fmt::format("{}{}", kAction,
                                         reads    ? "read"
                                         : writes ? "write"
                                                  : "delete"),
                             call.scope(4)));
  if (call.method() == "PUT") return put_group(call);
  const auto* group = find_resource_group(*call.model, call.path[1], call.path[3]);
  if (group == nullptr) return group_not_found(call.path[3]);
  if (call.method() == "HEAD") return empty_response(204);
  if (call.method() == "DELETE") return delete_group(call);
  if (call.method() == "PATCH") return method_not_allowed(call);
  return json_response(200, show_group(*group));
}

Outcome<http::Response> handle_provider(const Call& call) {
  for (auto name : kProviders) {
    if (same(name, call.path[3])) return json_response(200, show_provider(call, name));
  }
  return Refusal{404, "InvalidResourceNamespace",
                 fmt::format("The resource namespace '{}' is invalid.", json_fields::clean_text(call.path[3]))};
}

json::object endpoints(const std::string& origin, bool is_local) {
  auto login = is_local ? origin : std::string("https://login.microsoftonline.com");
  auto manager = is_local ? origin : std::string("https://management.azure.com");
  auto graph = is_local ? origin + "/" : std::string("https://graph.microsoft.com/");
  auto authority = is_local ? origin.substr(origin.find("//") + 2) : std::string();
  return {
      {"name", is_local ? "LatchkeyEmulator" : "AzureCloud"},
      {"portal", "https://portal.azure.com"},
      {"authentication", json::object{{"loginEndpoint", login + "/"},
                                      {"audiences", json::array{"https://management.core.windows.net/", manager + "/"}},
                                      {"tenant", "common"},
                                      {"identityProvider", "AAD"}}},
      {"graphAudience", "https://graph.windows.net/"},
      {"graph", "https://graph.windows.net/"},
      {"microsoftGraphResourceId", graph},
      {"resourceManager", manager + "/"},
      {"media", "https://rest.media.azure.net"},
      {"batch", "https://batch.core.windows.net/"},
      {"gallery", "https://gallery.azure.com/"},
      {"sqlManagement", "https://management.core.windows.net:8443/"},
      {"vmImageAliasDoc", ""},
      {"activeDirectoryDataLake", "https://datalake.azure.net/"},
      {"suffixes", json::object{{"keyVaultDns", is_local ? "vault." + authority : "vault.azure.net"},
                                {"mhsmDns", "managedhsm.azure.net"},
                                {"storage", "core.windows.net"},
                                {"acrLoginServer", "azurecr.io"},
                                {"sqlServerHostname", "database.windows.net"}}}};
}

}  // namespace

http::Response metadata_endpoints(const http::Request& request) {
  bool is_local = is_local_authority(request.host);
  auto shown = endpoints("https://" + request.host, is_local);
  auto version = http::query_parameter(request, "api-version").value_or("");
  if (version == "2019-05-01") return json_response(200, json::array{shown});
  if (version == "2015-01-01") {
    return json_response(200, json::object{{"galleryEndpoint", shown["gallery"]},
                                           {"graphEndpoint", shown["graph"]},
                                           {"portalEndpoint", shown["portal"]},
                                           {"authentication", shown["authentication"]}});
  }
  return json_response(200, shown);
}

std::optional<Outcome<http::Response>> handle_groups(Call& call) {
  bool gets = call.method() == "GET";
  if (call.is({"tenants"}) && gets) return list_tenants(call);
  if (call.is({"subscriptions"}) && gets) return list_subscriptions(call);
  if (call.is({"subscriptions", "*"}) && gets) return get_subscription(call);
  if (call.is({"subscriptions", "*", "locations"}) && gets) return list_locations(call);
  if (call.is({"subscriptions", "*", "resourceGroups"}) && gets) return list_groups(call);
  if (call.is({"subscriptions", "*", "resourceGroups", "*"})) return handle_group(call);
  if (call.is({"subscriptions", "*", "providers", "*"}) && gets) return handle_provider(call);
  if (call.is({"subscriptions", "*", "providers", "*", "register"}) && call.method() == "POST") {
    return handle_provider(call);
  }
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::arm
