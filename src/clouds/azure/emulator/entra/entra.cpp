#include "clouds/azure/emulator/entra/entra.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "clouds/azure/emulator/entra/conditional_access.hpp"
#include "clouds/azure/emulator/tokens.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::string_view kDefaultSuffix = "/.default";
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

// The resources of the public cloud that the emulator serves; each spelling is an audience of its own.
constexpr std::array<std::string_view, 13> kResources = {
    "https://vault.azure.net",
    "https://vault.azure.net/",
    "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
    "https://managedhsm.azure.net",
    "https://managedhsm.azure.net/",
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",
    "https://graph.microsoft.com/",
    "https://graph.microsoft.com",
    "00000003-0000-0000-c000-000000000000",
};

std::string parameter(const http::QueryParameters& form, std::string_view name) {
  auto found = std::find_if(form.begin(), form.end(), [&](const auto& field) { return field.first == name; });
  return found == form.end() ? std::string() : found->second;
}

bool is_known_resource(std::string_view resource) {
  if (std::find(kResources.begin(), kResources.end(), resource) != kResources.end()) return true;
  constexpr std::string_view kScheme = "https://";
  if (!begins_with(resource, kScheme)) return false;
  auto authority = resource.substr(kScheme.size());
  if (authority.ends_with('/')) authority.remove_suffix(1);
  return authority.find('/') == std::string_view::npos && is_local_authority(authority);
}

EntraRefusal invalid_scope(std::string_view scope) {
  return {70011, 400, "invalid_scope",
          fmt::format("The provided request must include a 'scope' input parameter. The provided value for the input "
                      "parameter 'scope' is not valid. The scope {} is not valid.",
                      json_fields::clean_text(scope, 200))};
}

EntraRefusal app_not_found(std::string_view app_id, const Tenant& tenant) {
  return {700016, 400, "unauthorized_client",
          fmt::format("Application with identifier '{}' was not found in the directory '{}'. This can happen if the "
                      "application has not been installed by the administrator of the tenant or consented to by any "
                      "user in the tenant. You may have sent your authentication request to the wrong tenant.",
                      json_fields::clean_text(app_id), tenant.display_name)};
}

// client_secret_basic (RFC 6749 section 2.3.1).
void read_basic(const http::RequestHead& request, std::string& client_id, std::string& secret) {
  constexpr std::string_view kBasic = "Basic ";
  auto header = request.headers.get("authorization");
  if (!begins_with(header, kBasic)) return;
  auto decoded = base64_decode(header.substr(kBasic.size()));
  if (!decoded) return;
  auto pair = as_text(decoded.value());
  auto colon = pair.find(':');
  if (colon == std::string_view::npos) return;
  auto id = http::percent_decode(pair.substr(0, colon), true);
  auto password = http::percent_decode(pair.substr(colon + 1), true);
  if (!id || !password) return;
  if (client_id.empty()) client_id = id.value();
  if (secret.empty()) secret = password.value();
}

// "https://vault.azure.net/.default" to its resource.
EntraOutcome<std::string> resource_of_scope(std::string_view scope) {
  while (scope.starts_with(' ')) scope.remove_prefix(1);
  while (scope.ends_with(' ')) scope.remove_suffix(1);
  // Removes exactly one suffix: "https://graph.microsoft.com//.default" names a resource that ends with a slash.
  if (!scope.ends_with(kDefaultSuffix) || scope.size() == kDefaultSuffix.size() ||
      scope.find(' ') != std::string_view::npos) {
    return invalid_scope(scope);
  }
  return std::string(scope.substr(0, scope.size() - kDefaultSuffix.size()));
}

std::string_view without_slash(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

// A v1 request names a resource and a v2 request a scope; AD FS accepts both.
EntraOutcome<std::string> read_resource(const http::QueryParameters& form, Endpoint endpoint) {
  auto scope = parameter(form, "scope");
  auto resource = parameter(form, "resource");
  if (endpoint != Endpoint::V2 && !resource.empty()) return resource;
  if (scope.empty()) return missing_parameter(endpoint == Endpoint::V1 ? "resource" : "scope");
  LATCHKEY_TRY(auto named, resource_of_scope(scope));
  if (!resource.empty() && !same(without_slash(resource), without_slash(named))) {
    return EntraRefusal{9010010, 400, "invalid_target",
                        "The resource parameter provided in the request doesn't match with the requested scopes."};
  }
  return named;
}

json::object show_token(Endpoint endpoint, const TokenGrant& grant, Seconds now, std::string token) {
  if (endpoint != Endpoint::V1) {
    return {{"token_type", "Bearer"},
            {"expires_in", grant.lifetime},
            {"ext_expires_in", grant.lifetime},
            {"access_token", std::move(token)}};
  }
  // v1 writes its numbers as texts, and its clients use expires_on.
  return {{"token_type", "Bearer"},
          {"expires_in", std::to_string(grant.lifetime)},
          {"ext_expires_in", std::to_string(grant.lifetime)},
          {"expires_on", std::to_string(now + grant.lifetime)},
          {"not_before", std::to_string(now - kBackdated)},
          {"resource", grant.audience},
          {"access_token", std::move(token)}};
}

}  // namespace

struct Entra::TokenRequest {
  std::string client_id;
  std::string resource;
  std::string secret;
  std::string assertion;
  std::string assertion_type;
};

EntraOutcome<const Tenant*> find_tenant(const Model& model, const std::string& name, std::string_view error) {
  for (const auto& [id, tenant] : model.tenants) {
    if (same(id, name) || same(tenant.domain, name)) return &tenant;
  }
  bool is_domain = name.find('.') != std::string::npos && name.size() <= 253 &&
                   std::all_of(name.begin(), name.end(),
                               [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '-'; });
  if (is_guid(name) || is_domain) return tenant_not_found(name, error);
  return EntraRefusal{900023, 400, std::string(error == "invalid_tenant" ? error : "invalid_request"),
                      fmt::format("Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external "
                                  "domain.",
                                  json_fields::clean_text(name))};
}

http::Response Entra::handle(const http::Request& request, Seconds lifetime) {
  auto trace_id = new_guid(cloud_.random);
  auto correlation = json_fields::clean_text(request.headers.get("client-request-id"));
  if (correlation.empty()) {
    correlation = json_fields::clean_text(http::query_parameter(request, "client-request-id").value_or(""));
  }
  if (correlation.empty()) correlation = new_guid(cloud_.random);
  auto outcome = route(request, lifetime);
  auto response =
      outcome ? std::move(outcome.value()) : render(outcome.error(), unix_seconds(cloud_.clock), trace_id, correlation);
  response.headers.set("cache-control", "no-store, no-cache");
  response.headers.set("pragma", "no-cache");
  response.headers.set("expires", "-1");
  response.headers.set("strict-transport-security", "max-age=31536000; includeSubDomains");
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("x-ms-request-id", trace_id);
  response.headers.set("client-request-id", correlation);
  return response;
}

EntraOutcome<http::Response> Entra::route(const http::Request& request, Seconds lifetime) {
  auto split = split_names(request.path);
  std::vector<std::string> path;
  if (split) path = std::move(split.value());
  auto count = path.size();
  auto is = [&](std::size_t index, std::string_view name) { return same(path[index], name); };
  auto model = cloud_.state.read();
  if (count >= 3 && is(1, "oauth2") && is(count - 1, "token") && (count == 3 || (count == 4 && is(2, "v2.0")))) {
    if (request.method != "POST") {
      return EntraRefusal{900561, 400, "invalid_request",
                          fmt::format("The endpoint only accepts POST requests. Received a {} request.",
                                      json_fields::clean_text(request.method, 16))};
    }
    auto endpoint = count == 4 ? Endpoint::V2 : is(0, "adfs") ? Endpoint::AdFs : Endpoint::V1;
    return token(request, path[0], endpoint, lifetime);
  }
  if (request.method == "GET" && count >= 3 && is(count - 2, ".well-known") && is(count - 1, "openid-configuration")) {
    if (count == 3) return discovery::openid_configuration(*model, request, path[0], false);
    if (count == 4 && is(1, "v2.0")) return discovery::openid_configuration(*model, request, path[0], true);
  }
  if (request.method == "GET" && count == 3 && is(1, "discovery") && is(2, "instance")) {
    return discovery::instance(request);
  }
  if (request.method == "GET" && count >= 3 && is(1, "discovery") && is(count - 1, "keys")) {
    return discovery::keys(*model);
  }
  return EntraRefusal{900971, 404, "not_found", "This endpoint is not served by the emulator."};
}

EntraOutcome<Entra::TokenRequest> Entra::read_token_request(const http::Request& request, Endpoint endpoint) const {
  auto form = http::parse_query(request.body);
  if (!form) return missing_parameter("grant_type");
  TokenRequest asked;
  auto grant = parameter(form.value(), "grant_type");
  if (grant.empty()) return missing_parameter("grant_type");
  asked.client_id = parameter(form.value(), "client_id");
  asked.secret = parameter(form.value(), "client_secret");
  asked.assertion = parameter(form.value(), "client_assertion");
  asked.assertion_type = parameter(form.value(), "client_assertion_type");
  read_basic(request, asked.client_id, asked.secret);
  if (asked.client_id.empty()) return missing_parameter("client_id");
  if (grant != "client_credentials") {
    return EntraRefusal{
        70003, 400, "unsupported_grant_type",
        fmt::format("The app requested an unsupported grant type '{}'.", json_fields::clean_text(grant))};
  }
  LATCHKEY_TRY(asked.resource, read_resource(form.value(), endpoint));
  return asked;
}

std::optional<EntraRefusal> Entra::check_credential(const Model& model, const Application& app,
                                                    const TokenRequest& asked, const http::Request& request,
                                                    const std::string& tenant, const Tenant& directory) {
  if (asked.assertion.empty()) {
    if (!asked.secret.empty()) return check_secret(app, asked.secret, unix_seconds(cloud_.clock));
    return invalid_client(7000216,
                          "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' "
                          "grant type.");
  }
  if (asked.assertion_type != kAssertionType) {
    return EntraRefusal{900144, 400, "invalid_request",
                        fmt::format("The request body must contain the following parameter: 'client_assertion_type' "
                                    "with the value '{}'.",
                                    kAssertionType)};
  }
  AssertionAddress address{tenant, directory.id, directory.domain,
                           is_local_authority(request.host) ? "https://" + request.host : std::string()};
  AssertionCheck check{model, app, assertion_audiences(address), unix_seconds(cloud_.machine_clock),
                       cloud_.rules.assertions_once};
  return check_assertion(check, asked.assertion, assertions_);
}

EntraOutcome<http::Response> Entra::token(const http::Request& request, const std::string& tenant, Endpoint endpoint,
                                          Seconds lifetime) {
  auto model = cloud_.state.read();
  LATCHKEY_TRY(auto asked, read_token_request(request, endpoint));
  auto found = model->applications.find(lower(asked.client_id));
  // AD FS has no tenants: an application signs in at home.
  auto tenant_name = same(tenant, "adfs") && found != model->applications.end() ? found->second.tenant_id : tenant;
  if (same(tenant_name, "common") || same(tenant_name, "organizations") || same(tenant_name, "consumers")) {
    return EntraRefusal{50059, 400, "invalid_request",
                        "No tenant-identifying information found in either the request or implied by any provided "
                        "credentials."};
  }
  LATCHKEY_TRY(const auto* directory, find_tenant(*model, tenant_name, "invalid_request"));
  const auto* principal = find_service_principal(*model, directory->id, asked.client_id);
  if (found == model->applications.end() || principal == nullptr) return app_not_found(asked.client_id, *directory);
  const auto& app = found->second;
  if (!principal->enabled) {
    return EntraRefusal{7000112, 400, "unauthorized_client",
                        fmt::format("Application '{}'({}) is disabled.", app.app_id, app.display_name)};
  }
  if (auto refused = check_credential(*model, app, asked, request, tenant, *directory)) return std::move(*refused);
  if (!is_known_resource(asked.resource)) {
    return EntraRefusal{500011, 400, "invalid_resource",
                        fmt::format("The resource principal named {} was not found in the tenant named {}. This can "
                                    "happen if the application has not been installed by the administrator of the "
                                    "tenant or consented to by any user in the tenant. You might have sent your "
                                    "authentication request to the wrong tenant.",
                                    json_fields::clean_text(asked.resource, 200), directory->display_name)};
  }
  if (auto refused = check_conditional_access(*model, directory->id, app.app_id, cloud_.client_address(request))) {
    return std::move(*refused);
  }
  TokenGrant grant{asked.resource, directory->id, app.app_id, principal->object_id, asked.assertion.empty(), lifetime};
  auto now = unix_seconds(cloud_.clock);
  auto issued = issue_token(*model, grant, now, cloud_.random);
  if (!issued) {
    spdlog::error("the Azure emulator could not sign a token: {}", describe(issued.error()));
    return EntraRefusal{90033, 503, "temporarily_unavailable", "A transient error has occurred. Please try again."};
  }
  return json_response(200, show_token(endpoint, grant, now, std::move(issued.value())));
}

}  // namespace latchkey::clouds::azure::emulator
