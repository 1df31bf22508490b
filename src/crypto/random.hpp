// The system's randomness. Keys, ids and salts come straight from the kernel, each by a system call of its own; nonces
// of records are drawn ahead and hedged (nonce_maker.hpp), in secret memory that each thread has and that a forked
// child finds empty. So two copies of one memory image give different keys, and different nonces for different
// messages.
#pragma once

#include "base/random.hpp"

namespace latchkey::crypto {

class SystemRandom final : public RandomSource {
 public:
  void fill(MutableBytes out) override;
  void draw_nonce(MutableBytes out) override;
  void hedge_nonce(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) override;
};

}  // namespace latchkey::crypto
