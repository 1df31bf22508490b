#include "clouds/azure/provider/key_target.hpp"

#include <fmt/format.h>

#include "clouds/azure/provider/azure_reasons.hpp"

namespace latchkey::clouds::azure {

namespace {

void name_vault(AzureArguments& arguments, const std::string& host) {
  bool is_managed_hsm = host.find(".managedhsm.") != std::string::npos;
  arguments.vault = host;
  arguments.host = host;
  arguments.vault_name = host.substr(0, host.find('.'));
  arguments.vault_option = fmt::format("{} {}", is_managed_hsm ? "--hsm-name" : "--vault-name", arguments.vault_name);
  arguments.show =
      fmt::format("az keyvault show {} {}", is_managed_hsm ? "--hsm-name" : "--name", arguments.vault_name);
}

std::string grant_command(const KeyTarget& target, std::string_view vault_name) {
  if (target.vault.resource.starts_with("https://managedhsm.")) {
    return fmt::format(
        "az keyvault role assignment create --hsm-name {} --role \"Managed HSM Crypto User\" --assignee {} --scope "
        "/keys/{}",
        vault_name, target.client_id, target.key_name);
  }
  return fmt::format(
      "az role assignment create --role \"Key Vault Crypto User\" --assignee {} --scope \"$(az keyvault show --name {} "
      "--query id -o tsv)/keys/{}\"",
      target.client_id, vault_name, target.key_name);
}

}  // namespace

AzureArguments arguments_of(const KeyTarget& target) {
  AzureArguments arguments;
  name_vault(arguments, target.vault.host);
  arguments.key = target.key_name;
  arguments.tenant = target.tenant_id;
  arguments.app = target.client_id;
  arguments.grant = grant_command(target, arguments.vault_name);
  return arguments;
}

AzureArguments arguments_of(const AzureKeyConfig& key) {
  constexpr std::string_view scheme = "https://";
  AzureArguments arguments;
  arguments.key = key.key_name;
  arguments.tenant = key.tenant_id;
  if (key.vault_uri.starts_with(scheme)) {
    name_vault(arguments, key.vault_uri.substr(scheme.size(), key.vault_uri.find('/', scheme.size()) - scheme.size()));
  }
  return arguments;
}

}  // namespace latchkey::clouds::azure
