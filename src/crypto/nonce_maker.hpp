// Nonces that two copies of this process's memory never share for different messages. They are drawn ahead, as a system
// call for each costs more than a short message's encryption; but what was drawn ahead is copied where a virtual
// machine is cloned, or a checkpoint restored twice, and AES-GCM does not survive two messages under one nonce. So
//
//   nonce = r ⊕ (AES-256_k(NH(message) + time-stamp counter) ‖ 0)      message and its context at most kMostDigested
//   nonce = r ⊕ (16 bytes from the kernel ‖ 0)                         longer
//
// r is drawn ahead from OpenSSL's private generator, once for each nonce, which alone makes it a random one. NH is the
// universal hash of UMAC (RFC 4418 section 5.2) with two 64-bit results; k and NH's key come from the kernel, once for
// each thread. Two copies have r, k and NH's key in common: their nonces for two different messages, of which each
// is encrypted under a nonce with the same r, are equal with a probability of about 2^-62. For the same message and
// context they may be equal, and then so are the two records. Internal to crypto/; use SystemRandom.
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
  std::array<std::uint8_t, 3936> drawn;
  std::array<std::uint8_t, kAesKeySize> prf_key;
  alignas(kNhBlock) std::array<std::uint8_t, kMostDigested + kNhBlock> nh_key;
};

// NH of whole blocks, added up; `key` has one block more than `data`. By the CPU's vector instructions where it has
// them.
struct NhSums {
  alignas(kNhBlock) std::array<std::uint64_t, 4> first{};
  alignas(kNhBlock) std::array<std::uint64_t, 4> second{};
};
using NhAdd = void (*)(const std::uint8_t* data, std::size_t blocks, const std::uint8_t* key, NhSums& sums);
void nh_add_portably(const std::uint8_t* data, std::size_t blocks, const std::uint8_t* key, NhSums& sums);
// The fastest.
[[nodiscard]] NhAdd nh_add();

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
  void give_drawn(MutableBytes out);
  [[nodiscard]] AesBlock digest(std::span<const ByteView> bound, std::span<const ByteView> message) const;

  NonceState& state_;
  Counter counter_;
  std::optional<AesSchedule> prf_;
};

}  // namespace latchkey::crypto
