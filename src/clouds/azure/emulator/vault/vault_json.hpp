// Vaults and their keys in the state file.
#pragma once

#include "clouds/azure/emulator/json_reader.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

[[nodiscard]] boost::json::object vault_to_json(const Vault& vault);
[[nodiscard]] boost::json::object assignment_to_json(const RoleAssignment& assignment);
[[nodiscard]] RoleAssignment read_assignment(const JsonReader& in);
[[nodiscard]] boost::json::object key_to_json(const Key& key);
// The reader keeps the complaints.
[[nodiscard]] Vault read_vault(const JsonReader& in);
[[nodiscard]] Key read_key(const JsonReader& in);

}  // namespace latchkey::clouds::azure::emulator
