// How a caller that took a lease out of the table learns that the table has dropped it since.
#pragma once

#include <atomic>
#include <memory>

#include "base/error.hpp"

namespace latchkey::keyring {

// All leases of an external key share it, and it turns true once, when the table drops all of them: a caller that took
// one out before, and has not used it yet, must not use it.
using Dropped = std::shared_ptr<const std::atomic<bool>>;

// A caller whose lease was dropped begins anew, so many times in all; after that it fails with this error.
inline constexpr int kMostTries = 3;
[[nodiscard]] Error changed_again_and_again();

}  // namespace latchkey::keyring
