#include "server/clouds.hpp"

#include "base/log.hpp"
#include "clouds/azure/provider/azure_key_provider.hpp"
#include "clouds/azure/provider/azure_provider.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "server/credentials.hpp"

namespace latchkey::server {

namespace {

Result<std::shared_ptr<kms::Provider>> azure(const ServerConfig& config, const CloudParts& parts) {
  if (config.azure_client_id.empty()) {
    SPDLOG_WARN(
        "azure.client_id is not set: keys in Azure Key Vault can be registered, and neither validated nor used");
    return clouds::azure::make_azure_provider(config.azure_vault_suffixes, nullptr);
  }
  LATCHKEY_TRY(auto credential, azure_credential(config));
  clouds::azure::AzureOptions options;
  options.login_host = config.azure_login_host;
  options.vault_suffixes = config.azure_vault_suffixes;
  options.client_id = config.azure_client_id;
  options.credential = std::move(credential);
  options.sign_in = {config.azure_sign_in_max_age, config.lease_hard};
  options.read_terms = parts.read_terms;
  auto keys = clouds::azure::make_azure_key_provider(std::move(options), parts.client, parts.clock, parts.random,
                                                     parts.pool, parts.executor);
  return clouds::azure::make_azure_provider(config.azure_vault_suffixes, std::move(keys));
}

}  // namespace

Result<std::vector<std::shared_ptr<kms::Provider>>> make_clouds(const ServerConfig& config, const CloudParts& parts) {
  std::vector<std::shared_ptr<kms::Provider>> made;
  for (auto* make : {&azure}) {
    LATCHKEY_TRY(auto cloud, make(config, parts));
    made.push_back(std::move(cloud));
  }
  return made;
}

kms::ReasonCatalogue reason_catalogue() {
  return kms::ReasonCatalogue({clouds::azure::azure_reasons()});
}

}  // namespace latchkey::server
