#include "cli/azure/environment.hpp"

#include <fmt/format.h>

namespace latchkey::cli::azure {

std::string azure_env_file(const std::string& data_dir) {
  return data_dir + "/azure.env";
}

dev::EnvironmentLines cloud_environment(const clouds::azure::emulator::Emulator& azure,
                                        const clouds::azure::emulator::SeedResult& cloud) {
  return {
      {"LATCHKEY_CA_FILE", azure.ca_file()},
      {"LATCHKEY_APP_CLIENT_ID", cloud.platform_app_id},
      {"LATCHKEY_EMULATOR_URL", fmt::format("https://127.0.0.1:{}", azure.tls_port())},
      {"AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"},
      {"AZURE_ARM_ENDPOINT", "https://management.azure.com"},
      {"AZURE_TENANT_ID", cloud.tenant_id},
      {"AZURE_SUBSCRIPTION_ID", cloud.subscription_id},
      {"AZURE_RESOURCE_GROUP", cloud.resource_group},
      {"AZURE_CLIENT_ID", cloud.admin_client_id},
      {"AZURE_CLIENT_SECRET", cloud.admin_client_secret},
      {"AZURE_VAULT_NAME", cloud.vault_name},
      {"AZURE_VAULT_URI", cloud.vault_uri},
      {"AZURE_VAULT_DIRECT_URI", cloud.vault_direct_uri},
      {"AZURE_KEY_NAME", cloud.key_name},
  };
}

dev::EnvironmentLines proxy_environment(const clouds::azure::emulator::Emulator& azure) {
  auto proxy = fmt::format("http://127.0.0.1:{}", azure.proxy_port());
  return {
      {"HTTPS_PROXY", proxy},
      {"https_proxy", proxy},
      {"NO_PROXY", "127.0.0.1,localhost"},
      {"no_proxy", "127.0.0.1,localhost"},
      {"REQUESTS_CA_BUNDLE", azure.ca_file()},
      {"NODE_EXTRA_CA_CERTS", azure.ca_file()},
      {"CURL_CA_BUNDLE", azure.ca_file()},
      {"SSL_CERT_FILE", azure.ca_file()},
  };
}

}  // namespace latchkey::cli::azure
