// Asking before what cannot be undone.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "cli/output.hpp"

namespace latchkey::cli {

// Asks on standard error and reads the answer; true at once with `yes`. Invalid where nobody can answer.
[[nodiscard]] Result<bool> confirmed(bool yes, const std::string& question);
// The same for a command: with what it ends, said already, where it is not to go on.
[[nodiscard]] std::optional<ExitCode> unless_confirmed(bool yes, const std::string& question, OutputFormat format);
// Whether somebody can answer.
[[nodiscard]] bool can_ask();

}  // namespace latchkey::cli
