// Finds the operation of Key Vault's keys API that a request asks for. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clouds/azure/emulator/errors.hpp"
#include "clouds/azure/emulator/vault/key_rules.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

enum class VaultAction {
  Create,
  Get,
  List,
  ListVersions,
  Update,
  Import,
  Backup,
  Restore,
  Rotate,
  GetRotationPolicy,
  PutRotationPolicy,
  Delete,
  ListDeleted,
  GetDeleted,
  Recover,
  Purge,
  Crypto,
  RandomBytes,  // of managed HSMs
};

struct VaultRoute {
  VaultAction action = VaultAction::List;
  std::string key = {};                            // empty for lists of keys
  std::string version = {};                        // empty: the newest
  KeyOperation operation = KeyOperation::WrapKey;  // of Crypto
};

// BadParameter for a path or method that the API does not have, and for a name that no key can have.
[[nodiscard]] Outcome<VaultRoute> route_vault_request(const http::Request& request);

// The names of one operation in the audit log, in roles and in access policies.
struct ActionNames {
  std::string_view audit;        // "KeyWrap"
  std::string_view data_action;  // "Microsoft.KeyVault/vaults/keys/wrap/action"
  std::string_view permission;   // "wrapKey", of access policies
};
[[nodiscard]] ActionNames names_of(const VaultRoute& route);
// "Microsoft.KeyVault/managedHsm/keys/wrap/action": what the local roles of managed HSMs name.
[[nodiscard]] std::string_view hsm_data_action(const VaultRoute& route);

[[nodiscard]] bool is_known_api_version(std::string_view version);
// What a version of the API added.
enum class ApiFeature { Rotation, HsmPlatform };
[[nodiscard]] bool speaks(std::string_view api_version, ApiFeature feature);

}  // namespace latchkey::clouds::azure::emulator
