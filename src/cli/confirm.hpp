// Asking before what cannot be undone.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::cli {

// Asks on standard error and reads the answer; true at once with `yes`. Invalid where nobody can answer.
[[nodiscard]] Result<bool> confirmed(bool yes, const std::string& question);
// Whether somebody can answer.
[[nodiscard]] bool can_ask();

}  // namespace latchkey::cli
