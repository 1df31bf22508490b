// When an event is tried again: after 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h and then each 4 h, every time a little
// later or earlier, and for the last time 24 h after it was made. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace latchkey::webhooks {

inline constexpr std::chrono::hours kGiveUpAfter{24};

// After the failed attempt number `attempts` (from 1). A wish of the endpoint's is heard where it is later, up to 4 h.
// Absent where that was the last one.
[[nodiscard]] std::optional<Timestamp> next_attempt(Timestamp created_at, std::int64_t attempts, Timestamp now,
                                                    std::optional<std::chrono::milliseconds> wish,
                                                    RandomSource& random);

}  // namespace latchkey::webhooks
