// Durations as people write them in settings and options.
#pragma once

#include <chrono>
#include <string_view>

#include "base/result.hpp"

namespace latchkey {

// "250ms", "60s", "10m", "2h"; Invalid otherwise.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace latchkey
