#include "kms/azure/key_target.hpp"

#include <fmt/format.h>

namespace latchkey::kms::azure {

namespace {

void name_vault(Facts& facts, const std::string& host) {
  bool is_managed_hsm = host.find(".managedhsm.") != std::string::npos;
  facts.vault = host;
  facts.host = host;
  facts.vault_name = host.substr(0, host.find('.'));
  facts.vault_option = fmt::format("{} {}", is_managed_hsm ? "--hsm-name" : "--vault-name", facts.vault_name);
  facts.show = fmt::format("az keyvault show {} {}", is_managed_hsm ? "--hsm-name" : "--name", facts.vault_name);
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

Facts facts_of(const KeyTarget& target) {
  Facts facts;
  name_vault(facts, target.vault.host);
  facts.key = target.key_name;
  facts.tenant = target.tenant_id;
  facts.app = target.client_id;
  facts.grant = grant_command(target, facts.vault_name);
  return facts;
}

Facts facts_of(const AzureKey& key) {
  constexpr std::string_view scheme = "https://";
  Facts facts;
  facts.key = key.key_name;
  facts.tenant = key.tenant_id;
  if (key.vault_uri.starts_with(scheme)) {
    name_vault(facts, key.vault_uri.substr(scheme.size(), key.vault_uri.find('/', scheme.size()) - scheme.size()));
  }
  return facts;
}

}  // namespace latchkey::kms::azure
