// The commands that are about Azure alone.
#pragma once

#include "cli/command.hpp"

namespace latchkey::cli::azure {

// `latchkey azure verify` and `latchkey azure setup`.
void add_azure_commands(CLI::App& app, Chosen& chosen);
// `latchkey emulator azure`.
void add_emulator_commands(CLI::App& app, Chosen& chosen);

}  // namespace latchkey::cli::azure
