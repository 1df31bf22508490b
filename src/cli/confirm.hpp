// Asks a person before a command does what nobody can undo.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/output.hpp"

namespace latchkey::cli {

// Asks on standard error, and returns whether the person types "yes". With `yes` it returns true and does not ask.
// Invalid where nobody is at the terminal.
[[nodiscard]] Result<bool> confirmed(bool yes, const std::string& question);
// The same for a command. Where the command must not go on, it prints why and returns the exit code.
[[nodiscard]] std::optional<ExitCode> unless_confirmed(bool yes, const std::string& question, OutputFormat format);
// Whether a person is at the terminal.
[[nodiscard]] bool can_ask();

}  // namespace latchkey::cli
