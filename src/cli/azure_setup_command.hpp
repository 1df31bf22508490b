// `latchkey azure setup`: the guide's steps, done.
#pragma once

#include "cli/command.hpp"

namespace latchkey::cli {

void add_azure_setup_command(CLI::App& group, Chosen& chosen);

}  // namespace latchkey::cli
