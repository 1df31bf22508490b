#include "server/clouds.hpp"

#include <algorithm>

#include <boost/json/object.hpp>

#include "base/json_fields.hpp"
#include "clouds/azure/provider/azure_cloud.hpp"
#include "server/config.hpp"

namespace latchkey::server {

const Clouds& clouds() {
  static const Clouds kClouds{&clouds::azure::cloud()};
  return kClouds;
}

Result<std::vector<std::shared_ptr<kms::Provider>>> make_clouds(const ServerConfig& config, const CloudParts& parts) {
  auto with_ages = parts;
  with_ages.lease_hard = config.lease_hard;
  std::vector<std::shared_ptr<kms::Provider>> made;
  for (const auto& [cloud, values] : config.clouds) {
    LATCHKEY_TRY(auto provider, cloud->make_provider(values, with_ages));
    made.push_back(std::move(provider));
  }
  return made;
}

store::KeyPlaceOf key_places(const ServerConfig& config) {
  Clouds known;
  for (const auto& [cloud, values] : config.clouds) known.push_back(cloud);
  return [known](std::string_view provider, const std::string& text) -> std::optional<std::string> {
    auto found = std::ranges::find(known, provider, &kms::Cloud::type);
    if (found == known.end()) return std::nullopt;
    auto config_of_key = json_fields::parse_object(text);
    if (!config_of_key) return std::nullopt;
    auto key = (*found)->read_stored(config_of_key.value());
    if (!key) return std::nullopt;
    return key.value()->place();
  };
}

kms::ReasonCatalogue reason_catalogue(const Clouds& known) {
  std::vector<kms::CloudReasons> told;
  for (const auto* cloud : known) told.push_back(cloud->reasons());
  return kms::ReasonCatalogue(std::move(told));
}

}  // namespace latchkey::server
