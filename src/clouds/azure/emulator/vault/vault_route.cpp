#include "clouds/azure/emulator/vault/vault_route.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

struct ApiVersion {
  std::string_view name;
  bool has_rotation;      // since 7.3
  bool has_hsm_platform;  // since 7.5
};
constexpr std::array<ApiVersion, 20> kApiVersions = {{{"2016-10-01", false, false},
                                                      {"7.0", false, false},
                                                      {"7.1", false, false},
                                                      {"7.2", false, false},
                                                      {"7.3-preview", true, false},
                                                      {"7.3", true, false},
                                                      {"7.4-preview.1", true, false},
                                                      {"7.4", true, false},
                                                      {"7.5-preview.1", true, true},
                                                      {"7.5", true, true},
                                                      {"7.6-preview.1", true, true},
                                                      {"7.6-preview.2", true, true},
                                                      {"7.6", true, true},
                                                      {"2025-06-01-preview", true, true},
                                                      {"2025-07-01-preview", true, true},
                                                      {"2025-07-01", true, true},
                                                      {"2026-01-01-preview", true, true},
                                                      {"2026-03-01-preview", true, true},
                                                      {"2026-04-01-preview", true, true},
                                                      {"2026-04-01", true, true}}};

const ApiVersion* find_api_version(std::string_view name) {
  const auto* found = std::find_if(kApiVersions.begin(), kApiVersions.end(),
                                   [&](const ApiVersion& version) { return version.name == name; });
  return found == kApiVersions.end() ? nullptr : found;
}

Refusal no_such_operation(const http::Request& request, std::string_view operation) {
  return {400, "BadParameter",
          fmt::format("Method {} does not allow operation '{}'", json_fields::clean_text(request.method, 16),
                      json_fields::clean_text(operation))};
}

// POST with X-HTTP-METHOD stands for the method named there.
std::string method_of(const http::Request& request) {
  auto other = request.headers.get("x-http-method");
  return request.method == "POST" && !other.empty() ? upper(other) : request.method;
}

std::optional<VaultAction> list_or_item(std::string_view method, std::size_t depth, bool deleted) {
  if (depth == 1) {
    if (method != "GET") return std::nullopt;
    return deleted ? VaultAction::ListDeleted : VaultAction::List;
  }
  if (method == "GET") return deleted ? VaultAction::GetDeleted : VaultAction::Get;
  if (method == "DELETE") return deleted ? VaultAction::Purge : VaultAction::Delete;
  if (method == "PATCH" && !deleted) return VaultAction::Update;
  return std::nullopt;
}

// POST /keys/{name}/{operation} and POST /keys/{name}/{version}/{operation}.
Outcome<VaultRoute> route_post(const http::Request& request, const std::vector<std::string>& segments) {
  VaultRoute route;
  route.key = segments[1];
  const auto& last = segments.back();
  constexpr std::array<std::pair<std::string_view, VaultAction>, 3> kOfKeys = {
      {{"create", VaultAction::Create}, {"rotate", VaultAction::Rotate}, {"backup", VaultAction::Backup}}};
  if (segments.size() == 3) {
    for (const auto& [name, action] : kOfKeys) {
      if (!same(name, last)) continue;
      route.action = action;
      return route;
    }
  }
  auto operation = parse_operation(last);
  if (!operation || segments.size() > 4) return no_such_operation(request, last);
  route.action = VaultAction::Crypto;
  route.operation = *operation;
  if (segments.size() == 4) route.version = lower(segments[2]);
  return route;
}

Outcome<VaultRoute> route_key(const http::Request& request, const std::string& method,
                              const std::vector<std::string>& segments) {
  VaultRoute route;
  route.key = segments[1];
  const auto& last = segments.back();
  if (segments.size() == 2) {
    if (method == "POST" && same(last, "restore")) return VaultRoute{VaultAction::Restore};
    auto action = method == "PUT" ? std::optional(VaultAction::Import) : list_or_item(method, 2, false);
    if (!action) return no_such_operation(request, "keys");
    route.action = *action;
    return route;
  }
  if (method == "POST") return route_post(request, segments);
  if (segments.size() != 3) return no_such_operation(request, last);
  if (same(last, "rotationpolicy") && (method == "GET" || method == "PUT")) {
    route.action = method == "GET" ? VaultAction::GetRotationPolicy : VaultAction::PutRotationPolicy;
    return route;
  }
  if (method == "GET" && same(last, "versions")) {
    route.action = VaultAction::ListVersions;
    return route;
  }
  if (method != "GET" && method != "PATCH") return no_such_operation(request, last);
  route.action = method == "GET" ? VaultAction::Get : VaultAction::Update;
  route.version = lower(last);
  return route;
}

Outcome<VaultRoute> route_deleted(const http::Request& request, const std::string& method,
                                  const std::vector<std::string>& segments) {
  VaultRoute route;
  if (segments.size() > 1) route.key = segments[1];
  if (segments.size() == 3 && method == "POST" && same(segments[2], "recover")) {
    route.action = VaultAction::Recover;
    return route;
  }
  auto action = segments.size() <= 2 ? list_or_item(method, segments.size(), true) : std::nullopt;
  if (!action) return no_such_operation(request, segments.back());
  route.action = *action;
  return route;
}

ActionNames crypto_names(KeyOperation operation) {
  switch (operation) {
    case KeyOperation::Encrypt:
      return {"KeyEncrypt", "Microsoft.KeyVault/vaults/keys/encrypt/action", "encrypt"};
    case KeyOperation::Decrypt:
      return {"KeyDecrypt", "Microsoft.KeyVault/vaults/keys/decrypt/action", "decrypt"};
    case KeyOperation::Sign:
      return {"KeySign", "Microsoft.KeyVault/vaults/keys/sign/action", "sign"};
    case KeyOperation::Verify:
      return {"KeyVerify", "Microsoft.KeyVault/vaults/keys/verify/action", "verify"};
    case KeyOperation::WrapKey:
      return {"KeyWrap", "Microsoft.KeyVault/vaults/keys/wrap/action", "wrapKey"};
    case KeyOperation::UnwrapKey:
      return {"KeyUnwrap", "Microsoft.KeyVault/vaults/keys/unwrap/action", "unwrapKey"};
  }
  return {};
}

}  // namespace

Outcome<VaultRoute> route_vault_request(const http::Request& request) {
  auto split = split_path(request.path);
  if (!split) return no_such_operation(request, request.path);
  auto& segments = split.value();
  // Clients join a vault's URI, which ends with a slash, to a path that begins with one. Further in, an empty segment
  // stands for a version that the client does not name.
  segments.erase(segments.begin(), std::find_if(segments.begin(), segments.end(),
                                                [](const std::string& segment) { return !segment.empty(); }));
  if (segments.empty()) return no_such_operation(request, request.path);
  auto method = method_of(request);
  if (segments.size() == 1 && same(segments[0], "rng") && method == "POST") {
    return VaultRoute{VaultAction::RandomBytes};
  }
  bool is_deleted = same(segments[0], "deletedkeys");
  if (!is_deleted && !same(segments[0], "keys")) return no_such_operation(request, segments[0]);
  if (segments.size() > 1 && !is_key_name(segments[1])) {
    return Refusal{
        400, "BadParameter",
        fmt::format("The request URI contains an invalid name: {}", json_fields::clean_text(segments[1], 127))};
  }
  if (is_deleted) return route_deleted(request, method, segments);
  if (segments.size() == 1) {
    if (method != "GET") return no_such_operation(request, "keys");
    return VaultRoute{VaultAction::List};
  }
  return route_key(request, method, segments);
}

ActionNames names_of(const VaultRoute& route) {
  constexpr std::string_view kRead = "Microsoft.KeyVault/vaults/keys/read";
  switch (route.action) {
    case VaultAction::Create:
      return {"KeyCreate", "Microsoft.KeyVault/vaults/keys/create/action", "create"};
    case VaultAction::Get:
      return {"KeyGet", kRead, "get"};
    case VaultAction::List:
      return {"KeyList", kRead, "list"};
    case VaultAction::ListVersions:
      return {"KeyListVersions", kRead, "list"};
    case VaultAction::Update:
      return {"KeyUpdate", "Microsoft.KeyVault/vaults/keys/update/action", "update"};
    case VaultAction::Import:
      return {"KeyImport", "Microsoft.KeyVault/vaults/keys/import/action", "import"};
    case VaultAction::Backup:
      return {"KeyBackup", "Microsoft.KeyVault/vaults/keys/backup/action", "backup"};
    case VaultAction::Restore:
      return {"KeyRestore", "Microsoft.KeyVault/vaults/keys/restore/action", "restore"};
    case VaultAction::GetRotationPolicy:
      return {"KeyRotationPolicyGet", "Microsoft.KeyVault/vaults/keyrotationpolicies/read", "getrotationpolicy"};
    case VaultAction::PutRotationPolicy:
      return {"KeyRotationPolicySet", "Microsoft.KeyVault/vaults/keyrotationpolicies/write", "setrotationpolicy"};
    case VaultAction::RandomBytes:
      return {"RandomNumbersGenerate", "Microsoft.KeyVault/vaults/rng/action", "rng"};
    case VaultAction::Rotate:
      return {"KeyRotate", "Microsoft.KeyVault/vaults/keys/rotate/action", "rotate"};
    case VaultAction::Delete:
      return {"KeyDelete", "Microsoft.KeyVault/vaults/keys/delete", "delete"};
    case VaultAction::ListDeleted:
      return {"KeyListDeleted", kRead, "list"};
    case VaultAction::GetDeleted:
      return {"KeyGetDeleted", kRead, "get"};
    case VaultAction::Recover:
      return {"KeyRecover", "Microsoft.KeyVault/vaults/keys/recover/action", "recover"};
    case VaultAction::Purge:
      return {"KeyPurge", "Microsoft.KeyVault/vaults/keys/purge/action", "purge"};
    case VaultAction::Crypto:
      return crypto_names(route.operation);
  }
  return {};
}

std::string_view hsm_data_action(const VaultRoute& route) {
  switch (route.action) {
    case VaultAction::Create:
      return "Microsoft.KeyVault/managedHsm/keys/create";
    case VaultAction::Get:
    case VaultAction::List:
    case VaultAction::ListVersions:
    case VaultAction::GetRotationPolicy:
      return "Microsoft.KeyVault/managedHsm/keys/read/action";
    case VaultAction::Update:
    case VaultAction::PutRotationPolicy:
      return "Microsoft.KeyVault/managedHsm/keys/write/action";
    case VaultAction::Import:
      return "Microsoft.KeyVault/managedHsm/keys/import/action";
    case VaultAction::Backup:
      return "Microsoft.KeyVault/managedHsm/keys/backup/action";
    case VaultAction::Restore:
      return "Microsoft.KeyVault/managedHsm/keys/restore/action";
    case VaultAction::Rotate:
      return "Microsoft.KeyVault/managedHsm/keys/rotate/action";
    case VaultAction::Delete:
      return "Microsoft.KeyVault/managedHsm/keys/delete";
    case VaultAction::ListDeleted:
    case VaultAction::GetDeleted:
      return "Microsoft.KeyVault/managedHsm/keys/deletedKeys/read/action";
    case VaultAction::Recover:
      return "Microsoft.KeyVault/managedHsm/keys/deletedKeys/recover/action";
    case VaultAction::Purge:
      return "Microsoft.KeyVault/managedHsm/keys/deletedKeys/delete";
    case VaultAction::RandomBytes:
      return "Microsoft.KeyVault/managedHsm/rng/action";
    case VaultAction::Crypto:
      break;
  }
  switch (route.operation) {
    case KeyOperation::Encrypt:
      return "Microsoft.KeyVault/managedHsm/keys/encrypt/action";
    case KeyOperation::Decrypt:
      return "Microsoft.KeyVault/managedHsm/keys/decrypt/action";
    case KeyOperation::Sign:
      return "Microsoft.KeyVault/managedHsm/keys/sign/action";
    case KeyOperation::Verify:
      return "Microsoft.KeyVault/managedHsm/keys/verify/action";
    case KeyOperation::WrapKey:
      return "Microsoft.KeyVault/managedHsm/keys/wrap/action";
    case KeyOperation::UnwrapKey:
      return "Microsoft.KeyVault/managedHsm/keys/unwrap/action";
  }
  return "";
}

bool is_known_api_version(std::string_view version) {
  return find_api_version(version) != nullptr;
}

bool speaks(std::string_view api_version, ApiFeature feature) {
  const auto* version = find_api_version(api_version);
  if (version == nullptr) return false;
  return feature == ApiFeature::Rotation ? version->has_rotation : version->has_hsm_platform;
}

}  // namespace latchkey::clouds::azure::emulator
