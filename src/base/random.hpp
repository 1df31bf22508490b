// Where randomness comes from: passed in, so that tests can replay a run. The system's own is crypto/random.hpp.
#pragma once

#include <cstdint>
#include <limits>

#include "base/bytes.hpp"

namespace latchkey {

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;
  // Fills `out` with bytes that nobody can guess; ends the process where the system has none to give. Thread-safe.
  virtual void fill(MutableBytes out) = 0;
};

// In [0, 1): to put what many do at different times.
[[nodiscard]] inline double random_fraction(RandomSource& random) {
  std::uint32_t bits = 0;
  random.fill({reinterpret_cast<std::uint8_t*>(&bits), sizeof bits});
  return static_cast<double>(bits) / (static_cast<double>(std::numeric_limits<std::uint32_t>::max()) + 1);
}

}  // namespace latchkey
