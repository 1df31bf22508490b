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

// Each has a type of its own, and lives as long as the program.
using Clouds = std::vector<const kms::Cloud*>;

// Those that this program was built with.
[[nodiscard]] const Clouds& clouds();

// What provider_config.type may be by the API's contract, whatever a server supports.
inline constexpr std::array<std::string_view, 3> kTypesOfTheContract{"aws", "azure", "gcp"};

using kms::CloudParts;

// A door for each cloud of `config`, also for one that the operator has given no credential for: its keys can be
// registered then, and neither validated nor used. `parts.lease_hard` is the config's. Errors name the setting that is
// wrong.
[[nodiscard]] Result<std::vector<std::shared_ptr<kms::Provider>>> make_clouds(const ServerConfig& config,
                                                                              const CloudParts& parts);

// Where the keys of these clouds are, as the store has to know it.
[[nodiscard]] store::KeyPlaceOf key_places(const ServerConfig& config);

// All reasons why a key does not serve: those that these clouds tell, and the common ones.
[[nodiscard]] kms::ReasonCatalogue reason_catalogue(const Clouds& known = clouds());

}  // namespace latchkey::server
