// What other programs need to know about a running emulator, as variables of the environment.
#pragma once

#include "clouds/azure/emulator/emulator.hpp"
#include "dev/env_file.hpp"

namespace latchkey::cli::azure {

// The file in `data_dir` with the variables of proxy_environment.
[[nodiscard]] std::string azure_env_file(const std::string& data_dir);

// The names that Azure's own tools and the guide use: AZURE_TENANT_ID, AZURE_VAULT_URI and the like, and
// LATCHKEY_EMULATOR_URL, LATCHKEY_CA_FILE and LATCHKEY_APP_CLIENT_ID.
[[nodiscard]] dev::EnvironmentLines cloud_environment(const clouds::azure::emulator::Emulator& azure,
                                                      const clouds::azure::emulator::SeedResult& cloud);
// The variables that lead tools to the emulator under the public names: HTTPS_PROXY, and the CA under the name that
// each tool has for it.
[[nodiscard]] dev::EnvironmentLines proxy_environment(const clouds::azure::emulator::Emulator& azure);

}  // namespace latchkey::cli::azure
