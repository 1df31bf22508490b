#include "clouds/azure/emulator/vault/key_vault.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/network.hpp"
#include "clouds/azure/emulator/rbac.hpp"
#include "clouds/azure/emulator/vault/hsm_roles.hpp"
#include "clouds/azure/emulator/vault/key_versions.hpp"
#include "clouds/azure/emulator/vault/vault_time.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::string_view kVaultResource = "https://vault.azure.net";
constexpr std::string_view kVaultResourceId = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
constexpr std::string_view kHsmResource = "https://managedhsm.azure.net";

Refusal unauthorized(std::string message) {
  return {401, "Unauthorized", std::move(message)};
}

std::optional<Refusal> check_token(const TokenReading& reading, const Vault& vault, std::string_view authority) {
  switch (reading.fault) {
    case TokenFault::None:
      break;
    case TokenFault::Missing:
      return unauthorized("AKV10000: Request is missing a Bearer or PoP token.");
    case TokenFault::Malformed:
      return unauthorized("[BearerReadAccessTokenFailed] Error validating token: the token is not a JWT.");
    case TokenFault::Forged:
      return unauthorized("[SignatureInvalid] Error validating token: 'S2S12005'.");
    case TokenFault::TooEarly:
      return unauthorized("[TokenNotYetValid] Error validating token: 'S2S12087'.");
    case TokenFault::Expired:
      return unauthorized("[TokenExpired] Error validating token: 'S2S12086'.");
  }
  const auto& caller = reading.caller;
  auto resource = vault.managed_hsm ? kHsmResource : kVaultResource;
  bool is_vaults = !vault.managed_hsm && caller.audience == kVaultResourceId;
  if (caller.audience != resource && !is_vaults &&
      caller.audience != challenge_resource(authority, vault.managed_hsm)) {
    return unauthorized(fmt::format("AKV10022: Invalid audience. Expected {}, found: {}.", resource, caller.audience));
  }
  auto issuer = fmt::format("https://sts.windows.net/{}/", vault.tenant_id);
  if (caller.issuer != issuer) {
    return unauthorized(fmt::format("AKV10032: Invalid issuer. Expected one of {}, found {}.", issuer, caller.issuer));
  }
  return std::nullopt;
}

std::string resource_of(const Vault& vault, const VaultRoute& route) {
  auto resource = fmt::format("/subscriptions/{}/resourcegroups/{}/providers/microsoft.keyvault/vaults/{}",
                              lower(vault.subscription_id), lower(vault.resource_group), lower(vault.name));
  if (!route.key.empty()) resource += "/keys/" + lower(route.key);
  if (!route.version.empty()) resource += "/" + json_fields::clean_text(route.version);
  return resource;
}

std::optional<Refusal> check_policy(const Vault& vault, const Caller& caller, std::string_view permission) {
  auto grants = [&](const AccessPolicy& policy) {
    return same(policy.object_id, caller.object_id) &&
           std::any_of(policy.keys.begin(), policy.keys.end(), [&](const std::string& granted) {
             return granted == "all" ? permission != "purge" : same(granted, permission);
           });
  };
  if (std::any_of(vault.access_policies.begin(), vault.access_policies.end(), grants)) return std::nullopt;
  return Refusal{403, "Forbidden",
                 fmt::format("The user, group or application '{}' does not have keys {} permission on key vault "
                             "'{};location={}'. For help resolving this issue, please see "
                             "https://go.microsoft.com/fwlink/?linkid=2125287",
                             caller.described(), permission, vault.name, vault.location),
                 "ForbiddenByPolicy"};
}

std::optional<Refusal> check_role(const Cloud& cloud, const Model& model, const Vault& vault, const VaultRoute& route,
                                  const Caller& caller) {
  auto resource = resource_of(vault, route);
  auto action = names_of(route).data_action;
  AccessQuestion question{caller.object_id, resource, action, Plane::Data,
                          unix_seconds(cloud.clock) - cloud.delays.roles};
  if (is_allowed(model, question)) return std::nullopt;
  return Refusal{403, "Forbidden",
                 fmt::format("Caller is not authorized to perform action on resource.\r\nIf role assignments, deny "
                             "assignments or role definitions were changed recently, please observe propagation "
                             "time.\r\nCaller: {}\r\nAction: '{}'\r\nResource: '{}'\r\nAssignment: (not "
                             "found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {};location={}\r\n",
                             caller.described(), action, resource, vault.name, vault.location),
                 "ForbiddenByRbac"};
}

std::optional<Refusal> check_permission(const VaultCall& call, const Caller& caller) {
  if (call.vault.managed_hsm)
    return check_local_role(call.vault, caller, hsm_data_action(call.route), call.route.key,
                            call.now - call.cloud.delays.roles);
  if (call.vault.rbac) return check_role(call.cloud, *call.model, call.vault, call.route, caller);
  return check_policy(call.vault, caller, names_of(call.route).permission);
}

std::optional<Refusal> check_api_version(const http::Request& request) {
  auto version = http::query_parameter(request, "api-version");
  if (!version || version->empty()) {
    return bad_parameter("The request is missing the api-version query parameter.");
  }
  if (is_known_api_version(*version)) return std::nullopt;
  return bad_parameter(fmt::format(
      "The specified version ({}) is not recognized. Consider using the latest supported version (2026-04-01).",
      json_fields::clean_text(*version)));
}

bool came_with_rotation(VaultAction action) {
  return action == VaultAction::Rotate || action == VaultAction::GetRotationPolicy ||
         action == VaultAction::PutRotationPolicy || action == VaultAction::RandomBytes;
}

// Refuses what the service of that kind, and of that API version, does not know.
std::optional<Refusal> check_action(const VaultCall& call) {
  bool is_known = !came_with_rotation(call.route.action) || speaks(call.api_version, ApiFeature::Rotation);
  if (call.route.action == VaultAction::RandomBytes && !call.vault.managed_hsm) is_known = false;
  if (is_known) return std::nullopt;
  const auto& path = call.request.path;
  return bad_parameter(fmt::format("Method {} does not allow operation '{}'", call.request.method,
                                   json_fields::clean_text(path.substr(path.rfind('/') + 1))));
}

bool makes_a_key(VaultAction action) {
  return action == VaultAction::Create || action == VaultAction::Import || action == VaultAction::Rotate ||
         action == VaultAction::Restore;
}

Outcome<json::object> perform(VaultCall& call) {
  // A call that makes a key is counted later, when the kind of key is known.
  if (!makes_a_key(call.route.action)) {
    LATCHKEY_TRYV(charge_operation(call));
  }
  switch (call.route.action) {
    case VaultAction::Create:
      return create_key(call);
    case VaultAction::Get:
      return get_key(call);
    case VaultAction::List:
      return list_keys(call);
    case VaultAction::ListVersions:
      return list_versions(call);
    case VaultAction::Update:
      return update_key(call);
    case VaultAction::Import:
      return import_key(call);
    case VaultAction::Backup:
      return backup_key_of(call);
    case VaultAction::Restore:
      return restore_key(call);
    case VaultAction::Rotate:
      return rotate_key(call);
    case VaultAction::GetRotationPolicy:
      return get_rotation_policy(call);
    case VaultAction::PutRotationPolicy:
      return put_rotation_policy(call);
    case VaultAction::RandomBytes:
      return random_bytes(call);
    case VaultAction::Delete:
      return delete_key(call);
    case VaultAction::ListDeleted:
      return list_deleted_keys(call);
    case VaultAction::GetDeleted:
      return get_deleted_key(call);
    case VaultAction::Recover:
      return recover_key(call);
    case VaultAction::Purge:
      return purge_key(call);
    case VaultAction::Crypto:
      return use_key(call);
  }
  return bad_parameter("");
}

void add_headers(const Cloud& cloud, const http::Request& request, const Vault& vault, const std::string& address,
                 http::Response& response) {
  auto& headers = response.headers;
  headers.set("cache-control", "no-cache");
  headers.set("pragma", "no-cache");
  headers.set("expires", "-1");
  headers.set("x-ms-keyvault-region", vault.location);
  auto client_id = json_fields::clean_text(request.headers.get("x-ms-client-request-id"));
  if (!client_id.empty()) headers.set("x-ms-client-request-id", client_id);
  headers.set("x-ms-request-id", new_guid(cloud.random));
  headers.set("x-ms-keyvault-service-version", "1.9.2500.1");
  headers.set(
      "x-ms-keyvault-network-info",
      fmt::format("conn_type={};addr={};act_addr_fam={};", address.find(':') == std::string::npos ? "Ipv4" : "Ipv6",
                  address, address.find(':') == std::string::npos ? "InterNetwork" : "InterNetworkV6"));
  headers.set("x-powered-by", "ASP.NET");
  headers.set("strict-transport-security", "max-age=31536000;includeSubDomains");
  headers.set("x-content-type-options", "nosniff");
}

}  // namespace

// What the vault knows so far about a call, for the audit log, whichever check ends it.
struct KeyVault::Progress {
  Snapshot model;
  const Vault* vault = nullptr;
  std::string address;
  std::string operation = "Authentication";
  std::string audit_id;
  Caller caller;
  std::optional<Refusal> refusal;
  std::chrono::milliseconds duration{0};
};

std::string challenge_resource(std::string_view authority, bool managed_hsm) {
  if (!is_local_authority(authority)) return std::string(managed_hsm ? kHsmResource : kVaultResource);
  auto host = host_without_port(authority);
  // NAME.vault.localhost:PORT: Azure's Python client wants the parent domain, with the port.
  bool is_named = host.ends_with(".localhost") && std::count(host.begin(), host.end(), '.') >= 2;
  return "https://" + std::string(is_named ? authority.substr(authority.find('.') + 1) : authority);
}

http::Response KeyVault::handle(const http::Request& request, const VaultName& name) {
  auto started = cloud_.clock.steady();
  let_time_pass(cloud_, name, unix_seconds(cloud_.clock));
  Progress progress;
  progress.model = cloud_.state.read();
  progress.vault = find_vault(*progress.model, name);
  progress.address = cloud_.client_address(request);
  if (progress.vault == nullptr) {
    return render(Refusal{404, "VaultNotFound", fmt::format("There is no vault with the name {}.", name.name)});
  }
  const auto& vault = *progress.vault;
  auto outcome = respond(request, progress);
  if (!outcome) progress.refusal = outcome.error();
  auto response = outcome ? std::move(outcome.value()) : render(*progress.refusal);
  if (response.status == 401) {
    response.headers.set("www-authenticate",
                         fmt::format("Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"{}\"",
                                     vault.tenant_id, challenge_resource(request.host, vault.managed_hsm)));
  }
  add_headers(cloud_, request, vault, progress.address, response);
  if (is_audited(vault)) {
    progress.duration = std::chrono::duration_cast<std::chrono::milliseconds>(cloud_.clock.steady() - started);
    record(request, progress, response);
  }
  return response;
}

void KeyVault::record(const http::Request& request, const Progress& progress, const http::Response& response) const {
  constexpr std::size_t kLongestAgent = 256;
  constexpr std::size_t kLongestUri = 2048;
  AuditEvent event;
  event.time = cloud_.clock.now();
  event.operation = response.status == 401 ? "Authentication" : progress.operation;
  event.operation_version = json_fields::clean_text(http::query_parameter(request, "api-version").value_or(""));
  event.status = response.status;
  if (progress.refusal) {
    event.error_code = progress.refusal->code;
    event.error_message = progress.refusal->message;
  }
  event.duration = progress.duration;
  event.client_address = progress.address;
  event.correlation_id = response.headers.get(response.headers.has("x-ms-client-request-id") ? "x-ms-client-request-id"
                                                                                             : "x-ms-request-id");
  event.caller = progress.caller;
  event.client_info = json_fields::clean_text(request.headers.get("user-agent"), kLongestAgent);
  event.request_uri = json_fields::clean_text(fmt::format("https://{}{}{}{}", request.host, request.path,
                                                          request.raw_query.empty() ? "" : "?", request.raw_query),
                                              kLongestUri);
  event.id = progress.audit_id;
  cloud_.audit.append(*progress.vault, event);
}

Outcome<http::Response> KeyVault::respond(const http::Request& request, Progress& progress) {
  const auto& vault = *progress.vault;
  auto now = unix_seconds(cloud_.clock);
  auto reading = read_bearer(*progress.model, request, now);
  // The firewall decides before the token is checked. But its refusal names the caller, so a request without a token
  // receives its challenge first.
  if (reading.fault != TokenFault::Missing) {
    if (auto refused = check_network(vault, rules_in_force(vault, now - cloud_.delays.network), progress.address,
                                     reading.caller)) {
      if (auto route = route_vault_request(request)) progress.operation = names_of(route.value()).audit;
      progress.caller = reading.caller;
      return std::move(*refused);
    }
  }
  if (auto refused = check_token(reading, vault, request.host)) return std::move(*refused);
  progress.caller = reading.caller;
  if (vault.managed_hsm) {
    if (auto roles = handle_local_roles(cloud_, request, vault, reading.caller, now)) return std::move(*roles);
  }
  LATCHKEY_TRY(auto route, route_vault_request(request));
  auto names = names_of(route);
  progress.operation = names.audit;
  std::string api_version(http::query_parameter(request, "api-version").value_or(""));
  VaultCall call{cloud_, request, progress.model, vault, throttle_, request.host, route, api_version, now};
  call.audit_id = route.key.empty() ? fmt::format("https://{}/keys", request.host)
                                    : key_id(call, route.key, json_fields::clean_text(route.version));
  progress.audit_id = call.audit_id;
  if (auto refused = check_api_version(request)) return std::move(*refused);
  if (auto refused = check_action(call)) return std::move(*refused);
  if (auto forbidden = check_permission(call, reading.caller)) return std::move(*forbidden);
  auto performed = perform(call);
  progress.audit_id = call.audit_id;
  if (!performed) return std::move(performed.error());
  if (performed.value().empty()) return empty_response(204);
  return json_response(200, performed.value());
}

}  // namespace latchkey::clouds::azure::emulator
