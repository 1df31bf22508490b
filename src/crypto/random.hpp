// The system's randomness. Keys, ids and salts come straight from the kernel, one system call each; the nonces of
// records are drawn in advance and hedged (nonce_maker.hpp), in secret memory that each thread owns and that is empty
// in a forked child. So two copies of one memory image make different keys, and different nonces for different
// messages. Thread-safe.
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
