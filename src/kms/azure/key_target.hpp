// Which key in which vault is meant, checked and resolved: what requests are built from and errors are told about.
#pragma once

#include <string>

#include "kms/azure/vault_uri.hpp"

namespace latchkey::kms::azure {

struct KeyTarget {
  VaultUri vault;
  std::string key_name;
  std::string tenant_id;
  std::string client_id;  // the app that asks
  std::string api_version = "7.4";
};

// Ready-made az commands for messages; nothing of a server's answer goes into them.
// "--vault-name contoso", or "--hsm-name contoso" for a managed HSM.
[[nodiscard]] std::string az_vault_option(const VaultUri& vault);
// "az keyvault show --name contoso", or "... show --hsm-name contoso".
[[nodiscard]] std::string az_show_command(const VaultUri& vault);
// "az keyvault key <verb> --vault-name contoso --name k".
[[nodiscard]] std::string az_key_command(const KeyTarget& target, std::string_view verb);
// Lets the app use the key.
[[nodiscard]] std::string az_grant_command(const KeyTarget& target);

}  // namespace latchkey::kms::azure
