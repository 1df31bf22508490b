// How slowly the other side may send or take bytes: so many a second after a grace. A bound by rate holds whoever
// trickles to little time, and lets a large body have the time that it takes.
#pragma once

#include <chrono>
#include <cstddef>

namespace latchkey::http {

struct Pace {
  std::chrono::milliseconds grace{10'000};
  std::size_t bytes_per_second = std::size_t{64} * 1024;

  // By when `bytes` must have gone over, from the beginning.
  [[nodiscard]] std::chrono::milliseconds allowed(std::size_t bytes) const {
    constexpr std::size_t kMillisecondsPerSecond = 1000;
    return grace + std::chrono::milliseconds(bytes / bytes_per_second * kMillisecondsPerSecond +
                                             bytes % bytes_per_second * kMillisecondsPerSecond / bytes_per_second);
  }
};

}  // namespace latchkey::http
