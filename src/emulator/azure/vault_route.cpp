#include "emulator/azure/vault_route.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::emulator::azure {

namespace {

constexpr std::array<std::string_view, 20> kApiVersions = {"2016-10-01",
                                                           "7.0",
                                                           "7.1",
                                                           "7.2",
                                                           "7.3",
                                                           "7.4",
                                                           "7.5",
                                                           "7.6",
                                                           "2025-07-01",
                                                           "2026-04-01",
                                                           "7.3-preview",
                                                           "7.4-preview.1",
                                                           "7.5-preview.1",
                                                           "7.6-preview.1",
                                                           "7.6-preview.2",
                                                           "2025-06-01-preview",
                                                           "2025-07-01-preview",
                                                           "2026-01-01-preview",
                                                           "2026-03-01-preview",
                                                           "2026-04-01-preview"};

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

Outcome<VaultRoute> route_key(const http::Request& request, const std::string& method,
                              const std::vector<std::string>& segments) {
  VaultRoute route;
  route.key = segments[1];
  const auto& last = segments.back();
  if (segments.size() == 2) {
    auto action = list_or_item(method, 2, false);
    if (!action) return no_such_operation(request, "keys");
    route.action = *action;
    return route;
  }
  auto operation = parse_operation(last);
  if (method == "POST") {
    if (segments.size() == 3 && same(last, "create")) {
      route.action = VaultAction::Create;
    } else if (segments.size() == 3 && same(last, "rotate")) {
      route.action = VaultAction::Rotate;
    } else if (operation && segments.size() <= 4) {
      route.action = VaultAction::Crypto;
      route.operation = *operation;
      if (segments.size() == 4) route.version = lower(segments[2]);
    } else {
      return no_such_operation(request, last);
    }
    return route;
  }
  if (segments.size() != 3) return no_such_operation(request, last);
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
  if (!split || split.value().empty()) return no_such_operation(request, request.path);
  const auto& segments = split.value();
  auto method = method_of(request);
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

bool is_known_api_version(std::string_view version) {
  return std::find(kApiVersions.begin(), kApiVersions.end(), version) != kApiVersions.end();
}

}  // namespace latchkey::emulator::azure
