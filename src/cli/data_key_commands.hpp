// Commands about the life of data keys that stand in the groups of others.
#pragma once

#include "cli/command.hpp"

namespace latchkey::cli {

void add_rewrap_command(CLI::App& keys_group, Chosen& chosen);
void add_shred_command(CLI::App& workspaces_group, Chosen& chosen);

}  // namespace latchkey::cli
