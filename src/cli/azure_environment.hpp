// What other programs must know of a running emulator, as lines of an environment.
#pragma once

#include "cli/env_file.hpp"
#include "clouds/azure/emulator/emulator.hpp"

namespace latchkey::cli {

// The names that Azure's own tools and the guide use: AZURE_TENANT_ID, AZURE_VAULT_URI and the like, and
// LATCHKEY_EMULATOR_URL, LATCHKEY_CA_FILE and LATCHKEY_APP_CLIENT_ID.
[[nodiscard]] EnvironmentLines cloud_environment(const clouds::azure::emulator::Emulator& azure,
                                                 const clouds::azure::emulator::SeedResult& cloud);
// What makes tools go to the emulator under the public names: HTTPS_PROXY and the CA, in each tool's name for it.
[[nodiscard]] EnvironmentLines proxy_environment(const clouds::azure::emulator::Emulator& azure);

}  // namespace latchkey::cli
