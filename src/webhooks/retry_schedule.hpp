// When the server sends an event again: after 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h and then each 4 h, every time
// a little later or earlier, and for the last time 24 h after the event was made. A pure function.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace latchkey::webhooks {

inline constexpr std::chrono::hours kGiveUpAfter{24};

// The time of the next attempt, after failed attempt number `attempts` (from 1). A Retry-After of the endpoint counts
// where it is later, up to 4 h. Absent after the last attempt.
[[nodiscard]] std::optional<Timestamp> next_attempt(Timestamp created_at, std::int64_t attempts, Timestamp now,
                                                    std::optional<std::chrono::milliseconds> wish,
                                                    RandomSource& random);

}  // namespace latchkey::webhooks
