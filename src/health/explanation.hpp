// Explains to people why a key is not healthy: reason, cause and cure, taken from the error of the failed call.
#pragma once

#include <string>

#include "base/error.hpp"

namespace latchkey::health {

struct Explanation {
  std::string reason;  // kms/reasons.hpp
  std::string cause;
  std::string cure;
};

// An error's message is "what happened. What to do about it", mostly in the catalogue's words
// (kms/reason_catalogue.hpp). Where the message has no second part, the cure is the catalogue's for the error's reason,
// or else the one for its code.
[[nodiscard]] Explanation explain(const Error& error);

}  // namespace latchkey::health
