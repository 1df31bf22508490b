// Vaults and their keys in the state file.
#pragma once

#include "emulator/azure/json_reader.hpp"
#include "emulator/azure/model.hpp"

namespace latchkey::emulator::azure {

[[nodiscard]] boost::json::object vault_to_json(const Vault& vault);
// Complaints go to the reader.
[[nodiscard]] Vault read_vault(const JsonReader& in);

}  // namespace latchkey::emulator::azure
