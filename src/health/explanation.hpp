// Explains to people why a key is not healthy: reason, cause and cure, taken from the error of the failed call.
#pragma once

#include <string>

#include "base/error.hpp"

namespace latchkey::health {

struct Explanation {
  std::string reason;  // the code
  std::string cause;
  std::string cure;
};

// The error's own cause and cure, without the request's id. Where the error has no cure, it is the common one for its
// reason, or else the one for its code.
[[nodiscard]] Explanation explain(const Error& error);

}  // namespace latchkey::health
