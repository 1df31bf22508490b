// Nonces that two copies of this process's memory never share for different messages. They are drawn ahead, as a system
// call for each costs more than a short message's encryption; but what was drawn ahead is copied where a virtual
// machine is cloned, or a checkpoint restored twice, and AES-GCM does not survive two messages under one nonce. So
//
//   nonce = r ⊕ (0 ‖ the first 96 bits of AES-256_k(H(message) ⊕ time-stamp counter))   at most kMostDigested
//   nonce = r ⊕ (0 ‖ 96 bits from the kernel)                                            longer
//
// r is drawn ahead from OpenSSL's private generator, once for each nonce, which alone makes it a random one. H is CLNH
// over the message and its context (Lemire and Kaser, "Faster 64-bit universal hashing using carry-less
// multiplications", section 4), with 128 bits: the counter is mixed into the first 64, the lengths into the last. k and
// H's key come from the kernel, once for each thread. Where the CPU has no carry-less multiplication, all are "longer".
//
// Two copies have r, k and H's key in common. What they give to AES differs where the messages or the contexts do, but
// for a chance of about 2^-62 whatever the counters say, for nothing that AES gives tells of H's key; and where it
// differs so do the nonces, but for a chance of 2^-96. The same message and context with the same counter have the same
// nonce, and are the same record.
//
// Only the end is mixed, the half that GCM takes: the message's key comes from the other half (XAES-256-GCM), and the
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

// All zeros, as it is at first and in a forked child, says that there is nothing yet.
struct NonceState {
  std::uint64_t is_ready;
  std::uint64_t left;
  // A draw costs some two microseconds whatever its size: shared by enough nonces, it is lost among the rest of them.
  std::array<std::uint8_t, 16'320> drawn;
  std::array<std::uint8_t, kAesKeySize> prf_key;
  alignas(kHashBlock) std::array<std::uint8_t, kMostDigested> hash_key;
};

// CLNH of the parts one behind the other, each filled up to whole blocks with zeros; `key`, aligned to a block, is as
// long as they. By the CPU's instructions for carry-less multiplication.
using HashSum = std::uint64_t __attribute__((vector_size(16)));
using UniversalHash = HashSum (*)(std::span<const ByteView> bound, std::span<const ByteView> message,
                                  const std::uint8_t* key);
// Those that this CPU has, the fastest first.
[[nodiscard]] std::span<const UniversalHash> universal_hashes();

// What is mixed into a nonce's end.
using NonceHedge = std::array<std::uint8_t, kNonceHedgeSize>;

// Not thread-safe: each thread has its own.
class NonceMaker {
 public:
  using Counter = std::uint64_t (*)();
  // `state` outlives it. `counter` is the time-stamp counter, but for tests.
  explicit NonceMaker(NonceState& state, Counter counter = &time_stamp_counter) : state_(state), counter_(counter) {}
  // `out` has 12 to 32 bytes. As RandomSource::draw_nonce and hedge_nonce.
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
