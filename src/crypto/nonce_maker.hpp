// Nonces that two copies of this process's memory never share for different messages. A thread draws nonces in advance,
// because a system call for each costs more than encrypting a short message. A cloned virtual machine or a checkpoint
// that is restored twice copies the nonces drawn in advance, and AES-GCM breaks when two messages share a nonce. So
//
//   nonce = r ⊕ (0 ‖ the first 96 bits of AES-256_k(H(message) ⊕ time-stamp counter))   at most kMostDigested
//   nonce = r ⊕ (0 ‖ 96 bits from the kernel)                                            longer
//
// r comes from OpenSSL's private generator, drawn in advance, once for each nonce; r alone already makes the nonce
// random. H is CLNH over the message and its context (Lemire and Kaser, "Faster 64-bit universal hashing using
// carry-less multiplications", section 4), with 128 bits: the counter is mixed into the first 64, the lengths into the
// last. k and H's key come from the kernel, once for each thread. Where the CPU has no carry-less multiplication, every
// message counts as "longer".
//
// Two copies share r, k and H's key. Their inputs to AES differ where the messages or the contexts do, except with a
// probability of about 2^-62 whatever the counters are, because AES's output reveals nothing of H's key; and where the
// inputs differ, the nonces differ except with a probability of 2^-96. The same message and context with the same
// counter get the same nonce, and make the same record.
//
// Only the end is mixed, the half that GCM uses: the message's key comes from the other half (XAES-256-GCM), and the
// processor derives it while it hashes. Internal to crypto/; use SystemRandom.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "base/random.hpp"
#include "crypto/aead.hpp"

namespace latchkey::crypto {

inline constexpr std::size_t kHashBlock = 64;
inline constexpr std::size_t kMostDigested = 4096;

// All zeros, its state at first and in a forked child, means that nothing is drawn yet.
struct NonceState {
  std::uint64_t is_ready;
  std::uint64_t left;
  // A draw costs about two microseconds whatever its size; shared by this many nonces, that cost is negligible.
  std::array<std::uint8_t, 16'320> drawn;
  std::array<std::uint8_t, kAesKeySize> prf_key;
  alignas(kHashBlock) std::array<std::uint8_t, kMostDigested> hash_key;
};

// CLNH of the concatenated parts, each padded with zeros to whole blocks. `key`, aligned to a block, is as long as the
// padded parts. Uses the CPU's carry-less multiplication.
using HashSum = std::uint64_t __attribute__((vector_size(16)));
using UniversalHash = HashSum (*)(std::span<const ByteView> bound, std::span<const ByteView> message,
                                  const std::uint8_t* key);
// The implementations that this CPU can run, the fastest first.
[[nodiscard]] std::span<const UniversalHash> universal_hashes();

// The bytes that are mixed into a nonce's end.
using NonceHedge = std::array<std::uint8_t, kNonceHedgeSize>;

// Not thread-safe: each thread has its own.
class NonceMaker {
 public:
  using Counter = std::uint64_t (*)();
  // `state` must outlive the maker. `counter` is the time-stamp counter, except in tests.
  explicit NonceMaker(NonceState& state, Counter counter = &time_stamp_counter) : state_(state), counter_(counter) {}
  // As RandomSource::draw_nonce and hedge_nonce. `out` has 12 to 32 bytes.
  void draw(MutableBytes out);
  void hedge(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message);

 private:
  struct Half;
  [[nodiscard]] static std::uint64_t time_stamp_counter();
  void begin();
  [[nodiscard]] Half digest(std::span<const ByteView> bound, std::span<const ByteView> message, std::uint64_t lengths);

  NonceState& state_;
  Counter counter_;
  UniversalHash hash_ = universal_hashes().empty() ? nullptr : universal_hashes().front();
  std::optional<AesSchedule> prf_;
};

}  // namespace latchkey::crypto
