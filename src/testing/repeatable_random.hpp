// Randomness that repeats in every run.
#pragma once

#include <cstdint>

#include "base/mutex.hpp"
#include "base/random.hpp"

namespace latchkey::testing {

// SplitMix64: draws do not repeat within a run. Thread-safe.
class RepeatableRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override {
    MutexLock lock(mutex_);
    for (auto& byte : out) {
      auto z = state_ += 0x9e3779b97f4a7c15;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      byte = static_cast<std::uint8_t>((z ^ (z >> 31)) >> 56);
    }
  }

 private:
  Mutex mutex_;
  std::uint64_t state_ LATCHKEY_GUARDED_BY(mutex_) = 1;
};

}  // namespace latchkey::testing
