#include "server/clouds.hpp"

#include <algorithm>

#include <boost/json/object.hpp>

#include "clouds/azure/provider/azure_cloud.hpp"
#include "kms/stored_keys.hpp"
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
  auto read_key = [known](std::string_view type,
                          const boost::json::object& of_key) -> Result<std::shared_ptr<const kms::Key>> {
    auto found = std::ranges::find(known, type, &kms::Cloud::type);
    if (found == known.end()) return Error{ErrorCode::Internal, "a cloud that this server does not know"};
    return (*found)->read_stored(of_key);
  };
  auto keys = std::make_shared<const kms::StoredKeys>(std::move(read_key));
  return [keys](std::string_view provider, const std::string& text) -> std::optional<std::string> {
    auto key = keys->read(provider, text);
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
