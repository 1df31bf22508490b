// Nonces that two copies of this process's memory never share for different messages. They are drawn ahead, as a system
// call for each costs more than a short message's encryption; but what was drawn ahead is copied where a virtual
// machine is cloned, or a checkpoint restored twice, and AES-GCM does not survive two messages under one nonce. So
//
//   nonce = r ⊕ (0 ‖ AES-256_k(time-stamp counter ‖ n) ⊕ NH(message))   message and its context at most kMostDigested
//   nonce = r ⊕ (0 ‖ 16 bytes from the kernel)                          longer
//
// r is drawn ahead from OpenSSL's private generator, once for each nonce, which alone makes it a random one; n is how
// much of it is left. NH is the universal hash of UMAC (RFC 4418 section 5.2) with two 64-bit results, to the second of
// which the lengths are added; k and NH's key come from the kernel, once for each thread.
//
// Two copies have r, k and NH's key in common. Where their counters differ when they come to the same n, so do the
// blocks of AES. Where the counters agree, NH keeps the nonces of two different messages apart, but for a chance of
// about 2^-62; somebody would have to choose the messages of both copies, and to meet agreeing counters again and
// again, to learn enough of NH's key for more. The same message and context with the same counter have the same nonce,
// and are the same record. Internal to crypto/; use SystemRandom.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "crypto/aead.hpp"

namespace latchkey::crypto {

inline constexpr std::size_t kNhBlock = 32;
inline constexpr std::size_t kMostDigested = 4096;

// All zeros, as it is at first and in a forked child, says that there is nothing yet.
struct NonceState {
  std::uint64_t is_ready;
  std::uint64_t left;
  // A draw costs some two microseconds whatever its size: shared by enough nonces, it is lost among the rest of them.
  std::array<std::uint8_t, 16'320> drawn;
  std::array<std::uint8_t, kAesKeySize> prf_key;
  alignas(2 * kNhBlock) std::array<std::uint8_t, kMostDigested + 2 * kNhBlock> nh_key;
};

// NH of the parts one behind the other, each filled up to whole blocks with zeros; `key`, aligned to a block, has two
// blocks more than they. By the CPU's vector instructions where it has them.
using NhSums = std::array<std::uint64_t, 2>;
using Nh = NhSums (*)(std::span<const ByteView> parts, const std::uint8_t* key);
[[nodiscard]] NhSums nh_portably(std::span<const ByteView> parts, const std::uint8_t* key);
// Those that this CPU has, the fastest first.
[[nodiscard]] std::span<const Nh> all_nh();

// Not thread-safe: each thread has its own.
class NonceMaker {
 public:
  using Counter = std::uint64_t (*)();
  // `state` outlives it. `counter` is the time-stamp counter, but for tests.
  explicit NonceMaker(NonceState& state, Counter counter = &time_stamp_counter) : state_(state), counter_(counter) {}
  // `out` has 16 to 32 bytes. As RandomSource::fill_nonce.
  void make(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message);

 private:
  [[nodiscard]] static std::uint64_t time_stamp_counter();
  void begin();
  [[nodiscard]] const std::uint8_t* draw(std::size_t size);
  // Nothing where they are too long or too many.
  [[nodiscard]] NhSums hedge(std::span<const ByteView> bound, std::span<const ByteView> message) const;

  NonceState& state_;
  Counter counter_;
  Nh nh_ = all_nh().front();
  std::optional<AesSchedule> prf_;
};

}  // namespace latchkey::crypto
