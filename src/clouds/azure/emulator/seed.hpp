// Makes what `latchkey dev` begins with: a customer with a vault, and the platform's multi-tenant app.
#pragma once

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/emulator.hpp"

namespace latchkey::clouds::azure::emulator {

// Makes what seeding has never made, in one change of the state. Slow: it makes an RSA key.
[[nodiscard]] Result<SeedResult> seed_cloud(Cloud& cloud, const SeedOptions& options);

}  // namespace latchkey::clouds::azure::emulator
