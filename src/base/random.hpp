// Where randomness comes from: passed in, so that tests can replay a run. The system's own is crypto/random.hpp.
#pragma once

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

}  // namespace latchkey
