// How long a service of Azure's asks us to wait.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure {

// "retry-after-ms", "x-ms-retry-after-ms", or else as kms::retry_after says. Never negative, at most an hour.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers, Timestamp now);

}  // namespace latchkey::clouds::azure
