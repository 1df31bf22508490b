#include "kms/azure/key_target.hpp"

#include <fmt/format.h>

namespace latchkey::kms::azure {

namespace {

std::string_view vault_name(const VaultUri& vault) {
  return std::string_view(vault.host).substr(0, vault.host.find('.'));
}

bool is_managed_hsm(const VaultUri& vault) {
  return vault.resource.starts_with("https://managedhsm.");
}

}  // namespace

std::string az_vault_option(const VaultUri& vault) {
  return fmt::format("{} {}", is_managed_hsm(vault) ? "--hsm-name" : "--vault-name", vault_name(vault));
}

std::string az_show_command(const VaultUri& vault) {
  return fmt::format("az keyvault show {} {}", is_managed_hsm(vault) ? "--hsm-name" : "--name", vault_name(vault));
}

std::string az_key_command(const KeyTarget& target, std::string_view verb) {
  return fmt::format("az keyvault key {} {} --name {}", verb, az_vault_option(target.vault), target.key_name);
}

std::string az_grant_command(const KeyTarget& target) {
  if (is_managed_hsm(target.vault)) {
    return fmt::format(
        "az keyvault role assignment create --hsm-name {} --role \"Managed HSM Crypto User\" --assignee {} --scope "
        "/keys/{}",
        vault_name(target.vault), target.client_id, target.key_name);
  }
  return fmt::format(
      "az role assignment create --role \"Key Vault Crypto User\" --assignee {} --scope \"$(az keyvault show --name {} "
      "--query id -o tsv)/keys/{}\"",
      target.client_id, vault_name(target.vault), target.key_name);
}

}  // namespace latchkey::kms::azure
