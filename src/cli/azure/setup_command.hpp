// `latchkey azure setup`: carries out the guide's steps.
#pragma once

#include "cli/command.hpp"

namespace latchkey::cli::azure {

void add_azure_setup_command(CLI::App& group, Chosen& chosen);

}  // namespace latchkey::cli::azure
