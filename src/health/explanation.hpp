// Why a key is not healthy, in the words that people read: taken apart from the error that said so.
#pragma once

#include <string>

#include "base/error.hpp"

namespace latchkey::health {

struct Explanation {
  std::string reason;  // kms/reasons.hpp
  std::string cause;
  std::string cure;
};

// An error's message is "what happened. What to do about it", mostly the catalogue's words (kms/reason_catalogue.hpp).
// Where it says only the first, the cure is the one that the catalogue has for its reason, or else its kind's.
[[nodiscard]] Explanation explain(const Error& error);

}  // namespace latchkey::health
