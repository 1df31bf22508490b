// The system's randomness: OpenSSL's private DRBG, seeded and reseeded from getrandom(2), fork-safe.
#pragma once

#include "base/random.hpp"

namespace latchkey::crypto {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace latchkey::crypto
