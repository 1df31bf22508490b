// The system's randomness: OpenSSL's private DRBG, seeded and reseeded from getrandom(2). What is small is served from
// a buffer that each thread has in secret memory: each byte is given once and wiped, and a forked child begins with an
// empty one.
#pragma once

#include "base/random.hpp"

namespace latchkey::crypto {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
};

}  // namespace latchkey::crypto
