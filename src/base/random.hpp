// The source of randomness. Callers pass it in, so that tests can replay a run. The system's source is
// crypto/random.hpp.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "base/bytes.hpp"

namespace latchkey {

// How many bytes at a nonce's end hedge_nonce may change: those that AES-GCM uses as its nonce.
inline constexpr std::size_t kNonceHedgeSize = 12;

class RandomSource {
 public:
  RandomSource() = default;
  RandomSource(const RandomSource&) = delete;
  RandomSource& operator=(const RandomSource&) = delete;
  virtual ~RandomSource() = default;
  // Fills `out` with bytes that nobody can guess; ends the process where the system has no randomness. Thread-safe.
  virtual void fill(MutableBytes out) = 0;
  // Draws the nonce for one message, the first of two steps. A source that does not call the system for each nonce
  // makes the nonces of two messages depend on the messages themselves, so that two copies of one memory (a cloned
  // virtual machine) never seal different messages under one nonce. Promises what fill promises. All but the last
  // kNonceHedgeSize bytes are final: the caller may derive a key from them.
  virtual void draw_nonce(MutableBytes out) { fill(out); }
  // The second step, before anything is sealed: changes those last bytes. `out` is what draw_nonce filled; `message` is
  // the plaintext, in pieces; `bound` is the authenticated data, as far as it may differ under one key.
  virtual void hedge_nonce(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
    (void)out;
    (void)bound;
    (void)message;
  }
};

// Returns a number in [0, 1): spreads over time what many nodes would do at once.
[[nodiscard]] inline double random_fraction(RandomSource& random) {
  std::uint32_t bits = 0;
  random.fill({reinterpret_cast<std::uint8_t*>(&bits), sizeof bits});
  return static_cast<double>(bits) / (static_cast<double>(std::numeric_limits<std::uint32_t>::max()) + 1);
}

}  // namespace latchkey
