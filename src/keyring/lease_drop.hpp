// How one who took a lease out of the table learns that the table has dropped it since.
#pragma once

#include <atomic>
#include <memory>

#include "base/error.hpp"

namespace latchkey::keyring {

// Shared by all leases of an external key, and set once, when all of them are dropped: whoever took one out before, and
// has not used it yet, must not.
using Dropped = std::shared_ptr<const std::atomic<bool>>;

// How often who finds his lease dropped begins anew, and the error after that.
inline constexpr int kMostTries = 3;
[[nodiscard]] Error changed_again_and_again();

}  // namespace latchkey::keyring
