#include "clouds/azure/emulator/arm/arm.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/rbac.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 5> kAudiences = {
    "https://management.core.windows.net/", "https://management.core.windows.net", "https://management.azure.com/",
    "https://management.azure.com", "797f4846-ba00-4fd7-ba43-dac1f8f63013"};

bool is_our_audience(std::string_view audience) {
  constexpr std::string_view kScheme = "https://";
  return std::find(kAudiences.begin(), kAudiences.end(), audience) != kAudiences.end() ||
         (begins_with(audience, kScheme) &&
          is_local_authority(
              audience.substr(kScheme.size(), audience.size() - kScheme.size() - (audience.ends_with('/') ? 1 : 0))));
}

Outcome<void> check_token(const TokenReading& reading, Seconds now) {
  switch (reading.fault) {
    case TokenFault::None:
      break;
    case TokenFault::Missing:
      return Refusal{401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."};
    case TokenFault::Malformed:
    case TokenFault::Forged:
    case TokenFault::TooEarly:
      return Refusal{401, "InvalidAuthenticationToken", "The access token is invalid."};
    case TokenFault::Expired:
      return Refusal{401, "ExpiredAuthenticationToken",
                     fmt::format("The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                                 entra_time(reading.expires), entra_time(now))};
  }
  if (is_our_audience(reading.caller.audience)) return success();
  return Refusal{
      401, "InvalidAuthenticationTokenAudience",
      fmt::format("The access token has been obtained for wrong audience or resource '{}'. It should exactly "
                  "match with one of the allowed audiences "
                  "'https://management.core.windows.net/','https://management.core.windows.net','https://"
                  "management.azure.com/','https://management.azure.com'.",
                  reading.caller.audience)};
}

Outcome<void> check_subscription(const arm::Call& call) {
  if (call.path.size() < 2 || !same(call.path[0], "subscriptions")) return success();
  const auto& id = call.path[1];
  if (!is_guid(id)) {
    return Refusal{
        400, "InvalidSubscriptionId",
        fmt::format("The provided subscription identifier '{}' is malformed or invalid.", json_fields::clean_text(id))};
  }
  auto found = call.model->subscriptions.find(lower(id));
  if (found == call.model->subscriptions.end()) {
    return Refusal{404, "SubscriptionNotFound", fmt::format("The subscription '{}' could not be found.", id)};
  }
  const auto& tenant = found->second.tenant_id;
  if (same(tenant, call.caller.tenant_id)) return success();
  return Refusal{
      401, "InvalidAuthenticationTokenTenant",
      fmt::format("The access token is from the wrong issuer '{0}'. It must match the tenant "
                  "'https://sts.windows.net/{1}/' associated with this subscription. Please use the authority "
                  "(URL) 'https://login.windows.net/{1}' to get the token. Note, if the subscription is "
                  "transferred to another tenant there is no impact to the services, but information about "
                  "new tenant could take time to propagate (up to an hour). If you just transferred your "
                  "subscription and see this error message, please try back later.",
                  call.caller.issuer, tenant)};
}

}  // namespace

bool arm::Call::is(std::initializer_list<std::string_view> pattern) const {
  return std::equal(path.begin(), path.end(), pattern.begin(), pattern.end(),
                    [](const std::string& segment, std::string_view wanted) {
                      return wanted == "*" ? !segment.empty() : same(segment, wanted);
                    });
}

std::string arm::Call::scope(std::size_t count) const {
  std::string text;
  for (std::size_t i = 0; i < count && i < path.size(); ++i) text += "/" + path[i];
  return text.empty() ? "/" : text;
}

bool arm::Call::may(std::string_view action, const std::string& at) const {
  return is_allowed(*model, {caller.object_id, at, action, Plane::Control, now - cloud.delays.roles});
}

Outcome<void> arm::Call::require(std::string_view action, const std::string& at) const {
  if (may(action, at)) return success();
  return Refusal{403, "AuthorizationFailed",
                 fmt::format("The client '{}' with object id '{}' does not have authorization to perform action '{}' "
                             "over scope '{}' or the scope is invalid. If access was recently granted, please refresh "
                             "your credentials.",
                             caller.app_id, caller.object_id, action, json_fields::clean_text(at, 512))};
}

Refusal arm::bad_request(std::string message) {
  return {400, "BadRequest", std::move(message)};
}

Refusal arm::method_not_allowed(const Call& call) {
  return {405, "MethodNotAllowed",
          fmt::format("The request method '{}' is not allowed on this resource.",
                      json_fields::clean_text(call.method(), 16))};
}

Refusal arm::group_not_found(std::string_view name) {
  return {404, "ResourceGroupNotFound",
          fmt::format("Resource group '{}' could not be found.", json_fields::clean_text(name, 90))};
}

Refusal arm::vault_not_found(std::string_view vault, std::string_view group) {
  return {404, "ResourceNotFound",
          fmt::format("The Resource 'Microsoft.KeyVault/vaults/{}' under resource group '{}' was not found. For more "
                      "details please go to https://aka.ms/ARMResourceNotFoundFix",
                      json_fields::clean_text(vault), json_fields::clean_text(group, 90))};
}

Outcome<json::object> arm::read_body(const http::Request& request) {
  auto body = json_fields::parse_object(request.body);
  if (!body) {
    return Refusal{
        400, "InvalidRequestContent",
        fmt::format("The request content was invalid and could not be deserialized: '{}'.", body.error().message())};
  }
  return std::move(body.value());
}

Outcome<void> arm::check_group(const Call& call) {
  const auto& path = call.path;
  bool names_one = path.size() >= 4 && same(path[0], "subscriptions") && same(path[2], "resourceGroups");
  if (!names_one || find_resource_group(*call.model, path[1], path[3]) != nullptr) return success();
  return group_not_found(path[3]);
}

Outcome<const Vault*> arm::vault_at(const Model& model, const std::vector<std::string>& path) {
  const auto* vault = find_vault(model, path[7]);
  if (vault == nullptr || !same(vault->subscription_id, path[1]) || !same(vault->resource_group, path[3])) {
    return vault_not_found(path[7], path[3]);
  }
  return vault;
}

void arm::forget_assignments(Model& model, const std::string& scope) {
  std::erase_if(model.role_assignments, [&](const auto& entry) { return is_within(entry.second.scope, scope); });
}

http::Response ResourceManager::handle(const http::Request& request) {
  auto outcome = respond(request);
  auto response = outcome ? std::move(outcome.value()) : render(outcome.error());
  if (response.status == 401) {
    response.headers.set("www-authenticate",
                         "Bearer authorization_uri=\"https://login.microsoftonline.com/\", error=\"invalid_token\"");
  }
  auto id = new_guid(cloud_.random);
  response.headers.set("cache-control", "no-cache");
  response.headers.set("pragma", "no-cache");
  response.headers.set("expires", "-1");
  response.headers.set("x-ms-request-id", id);
  response.headers.set("x-ms-correlation-request-id", id);
  auto client_id = json_fields::clean_text(request.headers.get("x-ms-client-request-id"));
  if (!client_id.empty()) response.headers.set("x-ms-client-request-id", client_id);
  response.headers.set("strict-transport-security", "max-age=31536000; includeSubDomains");
  response.headers.set("x-content-type-options", "nosniff");
  return response;
}

Outcome<http::Response> ResourceManager::respond(const http::Request& request) {
  auto path = split_names(request.path);
  if (!path) return arm::bad_request(path.error().message());
  arm::Call call{cloud_, request, cloud_.state.read(), {}, std::move(path.value()), unix_seconds(cloud_.clock)};
  if (call.method() == "GET" && call.is({"metadata", "endpoints"})) return arm::metadata_endpoints(request);
  auto reading = read_bearer(*call.model, request, call.now);
  LATCHKEY_TRYV(check_token(reading, call.now));
  call.caller = reading.caller;
  if (http::query_parameter(request, "api-version").value_or("").empty()) {
    return Refusal{400, "MissingApiVersionParameter",
                   "The api-version query parameter (?api-version=) is required for all requests."};
  }
  LATCHKEY_TRYV(check_subscription(call));
  LATCHKEY_TRYV(check_options(call));
  for (auto* handler : {arm::handle_roles, arm::handle_diagnostics, arm::handle_deleted_vaults, arm::handle_vaults,
                        arm::handle_managed_hsms, arm::handle_resources, arm::handle_groups}) {
    if (auto outcome = handler(call)) return std::move(*outcome);
  }
  return Refusal{404, "InvalidResourceType",
                 fmt::format("The resource type of '{}' is not one that this service has.",
                             json_fields::clean_text(request.path, 512))};
}

}  // namespace latchkey::clouds::azure::emulator
