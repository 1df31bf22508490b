// The clouds whose keys this server asks. clouds.cpp is the one place that names them.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "kms/cloud.hpp"
#include "kms/provider.hpp"
#include "kms/reason_catalogue.hpp"
#include "store/key_place.hpp"

namespace latchkey::server {

struct ServerConfig;

// The clouds. Each has a type of its own, and lives as long as the program.
using Clouds = std::vector<const kms::Cloud*>;

// The clouds that this program was built with.
[[nodiscard]] const Clouds& clouds();

// The values that the API's contract allows for provider_config.type, whatever a server supports.
inline constexpr std::array<std::string_view, 3> kTypesOfTheContract{"aws", "azure", "gcp"};

using kms::CloudParts;

// Makes a Provider for each cloud of `config`. Where the operator has given no credential for a cloud, organisations
// can register its keys, and neither validate nor use them. `parts.lease_hard` is the config's. Errors name the setting
// that is wrong.
[[nodiscard]] Result<std::vector<std::shared_ptr<kms::Provider>>> make_clouds(const ServerConfig& config,
                                                                              const CloudParts& parts);

// Tells the store where the keys of these clouds are.
[[nodiscard]] store::KeyPlaceOf key_places(const ServerConfig& config);

// All reasons why a key does not serve: those of these clouds, and the common ones.
[[nodiscard]] kms::ReasonCatalogue reason_catalogue(const Clouds& known = clouds());

}  // namespace latchkey::server
