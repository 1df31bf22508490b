// Where randomness comes from: passed in, so that tests can replay a run. The system's own is crypto/random.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/bytes.hpp"

namespace latchkey {

// How much of a nonce's end hedge_nonce may change: what AES-GCM takes of it.
inline constexpr std::size_t kNonceHedgeSize = 12;

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;
  // Fills `out` with bytes that nobody can guess; ends the process where the system has none to give. Thread-safe.
  virtual void fill(MutableBytes out) = 0;
  // The nonce under which one message is sealed, in two steps. A source that does not ask the system each time makes
  // the nonces of two messages differ by the messages themselves, so that two copies of one memory (a virtual machine
  // that was cloned) never seal different messages under one nonce. As fill. All but the last kNonceHedgeSize bytes are
  // as they will be: a key may be derived from them.
  virtual void draw_nonce(MutableBytes out) { fill(out); }
  // Changes those last bytes; nothing is sealed before. `out` is what draw_nonce filled, `message` what is encrypted,
  // in pieces; `bound` what is authenticated besides, as far as it may differ under one key.
  virtual void hedge_nonce(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
    (void)out;
    (void)bound;
    (void)message;
  }
};

// In [0, 1): to put what many do at different times.
[[nodiscard]] inline double random_fraction(RandomSource& random) {
  std::uint32_t bits = 0;
  random.fill({reinterpret_cast<std::uint8_t*>(&bits), sizeof bits});
  return static_cast<double>(bits) / (static_cast<double>(std::numeric_limits<std::uint32_t>::max()) + 1);
}

}  // namespace latchkey
