#include "cli/customer_cloud.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/id.hpp"
#include "base/task.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli {

namespace {

constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::string_view kVaultResource = "https://vault.azure.net";
constexpr std::string_view kKeyVersion = "api-version=7.4";
constexpr std::string_view kVaultVersion = "api-version=2022-07-01";
constexpr std::string_view kRoleVersion = "api-version=2022-04-01";
constexpr unsigned kConflict = 409;

Result<boost::json::object> parse_answer(const http::ClientResponse& response, const std::string& url) {
  if (response.body.empty()) return boost::json::object();
  boost::system::error_code failed;
  auto parsed = boost::json::parse(response.body, failed);
  if (failed || !parsed.is_object()) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("{} answered {} with something that is not JSON", url, response.status)};
  }
  return std::move(parsed.get_object());
}

Error refused(const std::string& what, unsigned status, const boost::json::object& body) {
  auto message = text_at(body, "error.message");
  return Error{ErrorCode::PermissionDenied, fmt::format("{} was refused with {}: {}", what, status, one_line(message))};
}

}  // namespace

CustomerCloud::CustomerCloud(CustomerSettings settings, http::Client& client, RandomSource& random,
                             Transcript& transcript)
    : settings_(std::move(settings)), client_(client), random_(random), transcript_(transcript) {
  while (settings_.vault_uri.ends_with('/')) settings_.vault_uri.pop_back();
}

Result<std::string> CustomerCloud::token(const std::string& resource) {
  if (auto known = tokens_.find(resource); known != tokens_.end()) return known->second;
  http::ClientRequest request;
  request.method = "POST";
  request.url = fmt::format("{}/{}/oauth2/v2.0/token", settings_.authority, settings_.tenant_id);
  request.headers.set("content-type", "application/x-www-form-urlencoded");
  request.body = fmt::format("grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
                             percent_encode(settings_.client_id), percent_encode(settings_.client_secret),
                             percent_encode(resource + "/.default"));
  request.deadline = std::chrono::steady_clock::now() + kCallTimeout;
  auto response = run_blocking(client_.send(std::move(request)));
  if (!response) return Error{ErrorCode::Unavailable, response.error().message};
  LATCHKEY_TRY(auto body, parse_answer(response.value(), settings_.authority));
  auto text = text_at(body, "access_token");
  if (text.empty()) {
    return Error{ErrorCode::Unauthenticated, fmt::format("signing in to {} failed: {}", settings_.authority,
                                                         one_line(text_at(body, "error_description")))};
  }
  tokens_[resource] = text;
  return text;
}

Result<CustomerCloud::Answer> CustomerCloud::call(std::string_view method, const std::string& resource,
                                                  const std::string& url, const boost::json::object* body) {
  LATCHKEY_TRY(auto bearer, token(resource));
  http::ClientRequest request;
  request.method = method;
  request.url = url;
  request.headers.set("authorization", "Bearer " + bearer);
  if (body != nullptr) {
    request.headers.set("content-type", "application/json");
    request.body = boost::json::serialize(*body);
  }
  request.deadline = std::chrono::steady_clock::now() + kCallTimeout;
  transcript_.call(method, url, request.body);
  auto response = run_blocking(client_.send(std::move(request)));
  if (!response) return Error{ErrorCode::Unavailable, response.error().message};
  LATCHKEY_TRY(auto parsed, parse_answer(response.value(), url));
  return Answer{response.value().status, std::move(parsed)};
}

std::string CustomerCloud::vault_id() const {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}",
                     settings_.subscription_id, settings_.resource_group, settings_.vault_name);
}

std::string CustomerCloud::key_url(const std::string& name, std::string_view operation) const {
  return fmt::format("{}/keys/{}{}?{}", settings_.vault_uri, name, operation, kKeyVersion);
}

Result<std::string> CustomerCloud::consent(const std::string& app_id) {
  const std::string graph_resource = settings_.graph + "/";
  boost::json::object body{{"appId", app_id}};
  LATCHKEY_TRY(auto created, call("POST", graph_resource, settings_.graph + "/v1.0/servicePrincipals", &body));
  if (created.status == kConflict) {
    transcript_.refusal(created.status, "already there; looking its object id up");
    auto filter = percent_encode(fmt::format("servicePrincipalNames/any(c:c eq '{}')", app_id));
    LATCHKEY_TRY(auto found,
                 call("GET", graph_resource,
                      fmt::format("{}/v1.0/servicePrincipals?$filter={}", settings_.graph, filter), nullptr));
    const auto* list = found.body.if_contains("value");
    if (found.status >= 400 || list == nullptr || !list->is_array() || list->get_array().empty()) {
      return refused("looking the service principal up", found.status, found.body);
    }
    created = Answer{found.status, list->get_array().front().as_object()};
  }
  if (created.status >= 400) return refused("creating the service principal", created.status, created.body);
  auto id = text_at(created.body, "id");
  transcript_.answer(created.status,
                     fmt::format("service principal {} ({})", id, text_at(created.body, "displayName")));
  return id;
}

Result<std::string> CustomerCloud::create_key(const std::string& name) {
  constexpr int kBits = 3072;
  boost::json::object body{{"kty", "RSA"}, {"key_size", kBits}, {"key_ops", {"wrapKey", "unwrapKey"}}};
  LATCHKEY_TRY(auto created, call("POST", std::string(kVaultResource), key_url(name, "/create"), &body));
  if (created.status >= 400) return refused("creating the key", created.status, created.body);
  auto id = text_at(created.body, "key.kid");
  transcript_.answer(created.status, fmt::format("{} {}", text_at(created.body, "key.kty"), id));
  return id;
}

Result<void> CustomerCloud::grant(const std::string& role, const std::string& principal_id,
                                  const std::string& key_name) {
  auto arm_resource = settings_.arm + "/";
  auto scope = fmt::format("{}/keys/{}", vault_id(), key_name);
  auto authorization = fmt::format("{}{}/providers/Microsoft.Authorization", settings_.arm, scope);
  auto filter = percent_encode(fmt::format("roleName eq '{}'", role));
  LATCHKEY_TRY(auto roles,
               call("GET", arm_resource,
                    fmt::format("{}/roleDefinitions?$filter={}&{}", authorization, filter, kRoleVersion), nullptr));
  const auto* list = roles.body.if_contains("value");
  if (roles.status >= 400 || list == nullptr || !list->is_array() || list->get_array().empty()) {
    return refused(fmt::format("looking the role {} up", role), roles.status, roles.body);
  }
  auto role_id = text_at(list->get_array().front(), "id");
  transcript_.answer(roles.status, one_line(role_id, 200));
  boost::json::object body{
      {"properties",
       {{"roleDefinitionId", role_id}, {"principalId", principal_id}, {"principalType", "ServicePrincipal"}}}};
  auto assignment = format_uuid(make_uuid(random_));
  LATCHKEY_TRY(auto granted,
               call("PUT", arm_resource,
                    fmt::format("{}/roleAssignments/{}?{}", authorization, assignment, kRoleVersion), &body));
  if (granted.status == kConflict) {
    transcript_.refusal(granted.status, "already granted");
    return success();
  }
  if (granted.status >= 400) return refused("the role assignment", granted.status, granted.body);
  transcript_.answer(granted.status, fmt::format("{} on {} and nothing else", role, scope));
  return success();
}

Result<boost::json::object> CustomerCloud::show_vault() {
  LATCHKEY_TRY(auto vault, call("GET", settings_.arm + "/",
                                fmt::format("{}{}?{}", settings_.arm, vault_id(), kVaultVersion), nullptr));
  if (vault.status >= 400) return refused("reading the vault", vault.status, vault.body);
  transcript_.answer(vault.status, text_at(vault.body, "id"));
  return std::move(vault.body);
}

Result<void> CustomerCloud::set_key_enabled(const std::string& key_name, bool enabled) {
  boost::json::object body{{"attributes", {{"enabled", enabled}}}};
  LATCHKEY_TRY(auto changed, call("PATCH", std::string(kVaultResource), key_url(key_name, ""), &body));
  if (changed.status >= 400) return refused("changing the key", changed.status, changed.body);
  transcript_.answer(changed.status, fmt::format("enabled: {}", text_at(changed.body, "attributes.enabled")));
  return success();
}

}  // namespace latchkey::cli
