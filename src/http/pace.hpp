// How slowly the other side may send or take bytes: at least so many a second, after a grace. A bound by rate leaves
// little time to a peer that sends one byte now and then, and enough time to a large body.
#pragma once

#include <chrono>
#include <cstddef>

namespace latchkey::http {

struct Pace {
  std::chrono::milliseconds grace{10'000};
  std::size_t bytes_per_second = std::size_t{64} * 1024;

  // The time, counted from the beginning, within which `bytes` must have been transferred.
  [[nodiscard]] std::chrono::milliseconds allowed(std::size_t bytes) const {
    constexpr std::size_t kMillisecondsPerSecond = 1000;
    return grace + std::chrono::milliseconds(bytes / bytes_per_second * kMillisecondsPerSecond +
                                             bytes % bytes_per_second * kMillisecondsPerSecond / bytes_per_second);
  }
};

}  // namespace latchkey::http
