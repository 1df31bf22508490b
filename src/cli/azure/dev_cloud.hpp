// The Azure of `latchkey dev`: the emulator, with the customer's tenant and vault ready made.
#pragma once

#include <memory>

#include "cli/emulated_cloud.hpp"

namespace latchkey::cli::azure {

[[nodiscard]] std::unique_ptr<EmulatedCloud> make_emulated_cloud();

}  // namespace latchkey::cli::azure
