#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/graph/graph.hpp"

namespace latchkey::clouds::azure::emulator::graph {

namespace json = boost::json;

namespace {

using odata::FieldType;
using enum odata::Ability;

constexpr std::string_view kCollection = "servicePrincipals";

std::string display_name_of(const Model& model, const ServicePrincipal& principal) {
  auto app = model.applications.find(principal.app_id);
  return app == model.applications.end() ? std::string() : app->second.display_name;
}

// What Graph's page of the resource says about each property. A property of the type Other has no value here, or none
// that a filter may use.
constexpr auto kSchema = std::to_array<odata::Field>(
    {{"id", FieldType::Text, kEq | kNe | kIn},
     {"accountEnabled", FieldType::Flag, kEq | kNe | kIn},
     {"alternativeNames", FieldType::TextList, kEq | kStartsWith},
     {"appDisplayName", FieldType::Text, kEq | kNe | kIn | kStartsWith},
     {"appId", FieldType::Text, kEq | kNe | kIn | kStartsWith},
     {"appOwnerOrganizationId", FieldType::Guid, kEq | kNe | kOrdered | kNull},
     {"appRoleAssignmentRequired", FieldType::Flag, kEq | kNe},
     {"createdDateTime", FieldType::Time, kEq | kNe | kOrdered | kIn | kSortable},
     {"deletedDateTime", FieldType::Time, kEq | kNe | kOrdered | kNull},
     {"displayName", FieldType::Text, kEq | kNe | kOrdered | kIn | kStartsWith | kNull | kSortable},
     {"homepage", FieldType::Text, kEq | kNe | kStartsWith | kNull},
     {"servicePrincipalNames", FieldType::TextList, kEq | kStartsWith},
     {"servicePrincipalType", FieldType::Text, kEq | kNe | kIn},
     {"signInAudience", FieldType::Text, kEq | kNe},
     {"tags", FieldType::TextList, kEq | kStartsWith},
     {"appRoles", FieldType::Other},
     {"keyCredentials", FieldType::Other},
     {"passwordCredentials", FieldType::Other},
     {"addIns", FieldType::Other},
     {"appDescription", FieldType::Other},
     {"applicationTemplateId", FieldType::Other},
     {"customSecurityAttributes", FieldType::Other},
     {"description", FieldType::Other},
     {"disabledByMicrosoftStatus", FieldType::Other},
     {"info", FieldType::Other},
     {"loginUrl", FieldType::Other},
     {"logoutUrl", FieldType::Other},
     {"notes", FieldType::Other},
     {"notificationEmailAddresses", FieldType::Other},
     {"oauth2PermissionScopes", FieldType::Other},
     {"preferredSingleSignOnMode", FieldType::Other},
     {"preferredTokenSigningKeyThumbprint", FieldType::Other},
     {"replyUrls", FieldType::Other},
     {"resourceSpecificApplicationPermissions", FieldType::Other},
     {"samlSingleSignOnSettings", FieldType::Other},
     {"tokenEncryptionKeyId", FieldType::Other},
     {"verifiedPublisher", FieldType::Other}});
constexpr Collection kPrincipals{kCollection, "servicePrincipal", kSchema};

json::array all_of(const Call& call) {
  json::array items;
  for (const auto& [id, principal] : call.model->service_principals) {
    if (principal.tenant_id == call.caller.tenant_id) items.push_back(show_service_principal(*call.model, principal));
  }
  return items;
}

Outcome<http::Response> list(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  return list_response(call, kPrincipals, all_of(call));
}

Outcome<http::Response> count(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  return count_response(call, kPrincipals, all_of(call));
}

// Consent: a tenant can add an application of another tenant only where that application is multi-tenant.
Outcome<http::Response> create(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto body, read_body(call.request));
  auto app_id = text_of(body, "appId");
  if (app_id.empty()) return bad_request("A value is required for property 'appId' of resource 'ServicePrincipal'.");
  const auto* enabled = body.if_contains("accountEnabled");
  bool is_enabled = enabled == nullptr || !enabled->is_bool() || enabled->get_bool();
  auto object_id = new_guid(call.cloud.random);
  LATCHKEY_TRY(auto shown, call.cloud.state.change([&](Model& model) -> Outcome<json::object> {
    auto app = model.applications.find(lower(app_id));
    if (app == model.applications.end() ||
        (!app->second.multi_tenant && app->second.tenant_id != call.caller.tenant_id)) {
      return Refusal{
          400, "Request_BadRequest",
          fmt::format("The appId '{}' of the service principal does not reference a valid application object.",
                      json_fields::clean_text(app_id)),
          "NoBackingApplicationObject"};
    }
    if (find_service_principal(model, call.caller.tenant_id, app_id) != nullptr) {
      return Refusal{409, "Request_MultipleObjectsWithSameKeyValue",
                     fmt::format("The service principal cannot be created, updated, or restored because the service "
                                 "principal name {} is already in use.",
                                 json_fields::clean_text(app_id))};
    }
    ServicePrincipal principal{object_id, app->second.app_id, call.caller.tenant_id, is_enabled, call.now, {}};
    auto result = show_service_principal(model, principal);
    model.service_principals[object_id] = std::move(principal);
    return result;
  }));
  return json_response(201, shown);
}

const ServicePrincipal* find(const Call& call, const Model& model) {
  auto app_id = app_id_in(call.path[0], kCollection);
  if (!app_id.empty()) return find_service_principal(model, call.caller.tenant_id, app_id);
  auto found = model.service_principals.find(lower(call.path.back()));
  bool is_here = found != model.service_principals.end() && found->second.tenant_id == call.caller.tenant_id;
  return is_here ? &found->second : nullptr;
}

Outcome<http::Response> get(const Call& call) {
  LATCHKEY_TRYV(call.require_reader());
  const auto* principal = find(call, *call.model);
  if (principal == nullptr) return not_found(call.path.back());
  return item_response(call, kPrincipals, show_service_principal(*call.model, *principal));
}

Outcome<http::Response> update(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRY(auto body, read_body(call.request));
  const auto* enabled = body.if_contains("accountEnabled");
  if (enabled != nullptr && !enabled->is_bool()) return bad_request("The property 'accountEnabled' must be a boolean.");
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    const auto* principal = find(call, model);
    if (principal == nullptr) return not_found(call.path.back());
    if (enabled != nullptr) model.service_principals.at(principal->object_id).enabled = enabled->get_bool();
    return true;
  }));
  return empty_response(204);
}

Outcome<http::Response> remove(const Call& call) {
  LATCHKEY_TRYV(call.require_administrator());
  LATCHKEY_TRYV(call.cloud.state.change([&](Model& model) -> Outcome<bool> {
    const auto* principal = find(call, model);
    if (principal == nullptr) return not_found(call.path.back());
    auto id = principal->object_id;
    model.service_principals.erase(id);
    return true;
  }));
  return empty_response(204);
}

}  // namespace

json::object show_service_principal(const Model& model, const ServicePrincipal& principal) {
  auto app = model.applications.find(principal.app_id);
  auto name = display_name_of(model, principal);
  json::value owner = nullptr;
  if (app != model.applications.end()) owner = json::string(app->second.tenant_id);
  return {{"id", principal.object_id},
          {"deletedDateTime", nullptr},
          {"accountEnabled", principal.enabled},
          {"alternativeNames", json::array()},
          {"appDisplayName", name},
          {"appId", principal.app_id},
          {"appOwnerOrganizationId", std::move(owner)},
          {"appRoleAssignmentRequired", false},
          {"createdDateTime", graph_time(principal.created)},
          {"displayName", name},
          {"homepage", nullptr},
          {"servicePrincipalNames", json::array{principal.app_id}},
          {"servicePrincipalType", "Application"},
          {"signInAudience",
           app != model.applications.end() && app->second.multi_tenant ? "AzureADMultipleOrgs" : "AzureADMyOrg"},
          {"tags", json::array()},
          {"appRoles", json::array()},
          {"keyCredentials", json::array()},
          {"passwordCredentials", json::array()}};
}

std::optional<Outcome<http::Response>> handle_service_principals(Call& call) {
  if (call.is({kCollection})) {
    if (call.method() == "GET") return list(call);
    if (call.method() == "POST") return create(call);
    return std::nullopt;
  }
  if (call.is({kCollection, "$count"}) && call.method() == "GET") return count(call);
  bool by_app_id = call.path.size() == 1 && !app_id_in(call.path[0], kCollection).empty();
  if (!by_app_id && !call.is({kCollection, "*"})) return std::nullopt;
  if (call.method() == "GET") return get(call);
  if (call.method() == "PATCH") return update(call);
  if (call.method() == "DELETE") return remove(call);
  return std::nullopt;
}

}  // namespace latchkey::clouds::azure::emulator::graph
