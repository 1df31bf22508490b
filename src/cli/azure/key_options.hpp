// How the `keys` commands name a key in Azure Key Vault.
#pragma once

#include <memory>

#include "cli/key_options_of_cloud.hpp"

namespace latchkey::cli::azure {

[[nodiscard]] std::unique_ptr<KeyOptionsOfCloud> make_key_options();

}  // namespace latchkey::cli::azure
