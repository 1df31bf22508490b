#include "clouds/azure/provider/azure_key.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

namespace latchkey::clouds::azure {

namespace json = boost::json;

json::object AzureKey::to_json() const {
  return {{"type", kType},
          {"vault_uri", config_.vault_uri},
          {"key_name", config_.key_name},
          {"tenant_id", config_.tenant_id},
          {"client_id", config_.client_id ? json::value(*config_.client_id) : json::value(nullptr)}};
}

// Azure ignores case in the names of vaults and keys.
std::string AzureKey::place() const {
  return fmt::format("https://{} {}", vault_host(config_), boost::algorithm::to_lower_copy(config_.key_name));
}

kms::LimitScope AzureKey::limit_scope() const {
  return {vault_host(config_), config_.key_name};
}

kms::KeyLocation location_of(AzureKeyConfig config, kms::AskedFor asked_for) {
  return kms::KeyLocation(std::make_shared<const AzureKey>(std::move(config)), std::move(asked_for));
}

std::string vault_host(const AzureKeyConfig& key) {
  constexpr std::string_view kScheme = "https://";
  auto host = boost::algorithm::to_lower_copy(key.vault_uri);
  if (host.starts_with(kScheme)) host.erase(0, kScheme.size());
  while (host.ends_with('/')) host.pop_back();
  return host;
}

}  // namespace latchkey::clouds::azure
