// What `latchkey dev` begins with: a customer with a vault, and the platform's multi-tenant app.
#pragma once

#include "emulator/azure/cloud.hpp"
#include "emulator/azure/emulator.hpp"

namespace latchkey::emulator::azure {

// Makes what was never made, in one change of the state. Makes an RSA key: slow.
[[nodiscard]] Result<SeedResult> seed_cloud(Cloud& cloud, const SeedOptions& options);

}  // namespace latchkey::emulator::azure
