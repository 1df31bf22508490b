#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "clouds/azure/emulator/entra/entra.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 4> kLoginHosts = {"login.microsoftonline.com", "login.windows.net",
                                                         "login.microsoft.com", "sts.windows.net"};

json::object adfs_configuration(const std::string& origin) {
  return {{"issuer", origin + "/adfs"},
          {"authorization_endpoint", origin + "/adfs/oauth2/authorize"},
          {"token_endpoint", origin + "/adfs/oauth2/token"},
          {"jwks_uri", origin + "/adfs/discovery/keys"}};
}

json::object tenant_configuration(const std::string& origin, const std::string& tenant, const std::string& id,
                                  bool v2) {
  const auto* oauth = v2 ? "oauth2/v2.0" : "oauth2";
  auto issuer = v2 ? fmt::format("https://login.microsoftonline.com/{}/v2.0", id)
                   : fmt::format("https://sts.windows.net/{}/", id);
  return {{"token_endpoint", fmt::format("{}/{}/{}/token", origin, tenant, oauth)},
          {"token_endpoint_auth_methods_supported",
           json::array{"client_secret_post", "private_key_jwt", "client_secret_basic"}},
          {"jwks_uri", fmt::format("{}/{}/discovery{}/keys", origin, tenant, v2 ? "/v2.0" : "")},
          {"response_modes_supported", json::array{"query", "fragment", "form_post"}},
          {"subject_types_supported", json::array{"pairwise"}},
          {"id_token_signing_alg_values_supported", json::array{"RS256"}},
          {"response_types_supported", json::array{"code", "id_token", "code id_token", "id_token token"}},
          {"scopes_supported", json::array{"openid", "profile", "email", "offline_access"}},
          {"issuer", issuer},
          {"request_uri_parameter_supported", false},
          {"authorization_endpoint", fmt::format("{}/{}/{}/authorize", origin, tenant, oauth)},
          {"claims_supported", json::array{"sub", "iss", "aud", "exp", "iat", "tid", "ver"}},
          {"tenant_region_scope", "NA"},
          {"cloud_instance_name", "microsoftonline.com"},
          {"cloud_graph_host_name", "graph.windows.net"},
          {"msgraph_host", "graph.microsoft.com"},
          {"rbac_url", "https://pas.windows.net"}};
}

// "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize" to host and tenant.
std::pair<std::string, std::string> read_authorization_endpoint(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!begins_with(url, kScheme)) return {};
  url.remove_prefix(kScheme.size());
  auto slash = url.find('/');
  if (slash == std::string_view::npos) return {};
  auto tenant = url.substr(slash + 1);
  return {lower(url.substr(0, slash)), std::string(tenant.substr(0, tenant.find('/')))};
}

}  // namespace

std::string login_origin(const http::RequestHead& request) {
  return is_local_authority(request.host) ? "https://" + request.host : "https://login.microsoftonline.com";
}

EntraOutcome<http::Response> discovery::openid_configuration(const Model& model, const http::RequestHead& request,
                                                             const std::string& tenant, bool v2) {
  auto origin = login_origin(request);
  if (same(tenant, "adfs")) return json_response(200, adfs_configuration(origin));
  if (same(tenant, "common") || same(tenant, "organizations")) {
    return json_response(200, tenant_configuration(origin, tenant, "{tenantid}", v2));
  }
  LATCHKEY_TRY(const auto* found, find_tenant(model, tenant, "invalid_tenant"));
  return json_response(200, tenant_configuration(origin, found->id, found->id, v2));
}

EntraOutcome<http::Response> discovery::instance(const http::RequestHead& request) {
  auto endpoint = http::query_parameter(request, "authorization_endpoint");
  auto [host, tenant] = read_authorization_endpoint(endpoint.value_or(""));
  bool is_public = std::find(kLoginHosts.begin(), kLoginHosts.end(), host) != kLoginHosts.end();
  if (host.empty() || (!is_public && !is_local_authority(host))) {
    return EntraRefusal{50049, 400, "invalid_instance", "Unknown or invalid instance."};
  }
  json::array aliases;
  if (is_public) {
    for (auto alias : kLoginHosts) aliases.emplace_back(alias);
  } else {
    aliases.emplace_back(host);
  }
  auto network = is_public ? "login.microsoftonline.com" : host;
  auto cache = is_public ? "login.windows.net" : host;
  return json_response(200,
                       json::object{{"tenant_discovery_endpoint",
                                     fmt::format("https://{}/{}/v2.0/.well-known/openid-configuration", host, tenant)},
                                    {"api-version", "1.1"},
                                    {"metadata", json::array{json::object{{"preferred_network", network},
                                                                          {"preferred_cache", cache},
                                                                          {"aliases", std::move(aliases)}}}}});
}

http::Response discovery::keys(const Model& model) {
  json::array keys;
  if (model.token_key.key) {
    auto jwk = crypto::to_jwk(*model.token_key.key);
    jwk["use"] = "sig";
    jwk["alg"] = "RS256";
    jwk["kid"] = model.token_key.kid;
    jwk["x5t"] = model.token_key.kid;
    keys.push_back(std::move(jwk));
  }
  return json_response(200, json::object{{"keys", std::move(keys)}});
}

}  // namespace latchkey::clouds::azure::emulator
