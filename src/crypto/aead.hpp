// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, and the bare AES-256 block, by the fastest
// implementation that the machine has (aes_engine.hpp). Key schedules live in secret memory, and are wiped. All of it
// is thread-safe.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

inline constexpr std::size_t kAesKeySize = 32;
inline constexpr std::size_t kAesBlockSize = 16;
inline constexpr std::size_t kAesScheduleSize = 15 * kAesBlockSize;
inline constexpr std::size_t kGcmNonceSize = 12;
inline constexpr std::size_t kGcmTagSize = 16;

using AesBlock = std::array<std::uint8_t, kAesBlockSize>;
using AesKeyView = std::span<const std::uint8_t, kAesKeySize>;
using GcmNonceView = std::span<const std::uint8_t, kGcmNonceSize>;

// Encrypts `plaintext` to `out`, which has plaintext.size() + 16 bytes: ciphertext, then tag. `out` may begin at
// plaintext.data() (in place). Invalid where the sizes do not fit or the plaintext is above 2^36 - 32 bytes. Takes no
// memory but once a thread.
[[nodiscard]] Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, ByteView plaintext, ByteView aad,
                                    MutableBytes out);
// The same of a plaintext in pieces; one that begins where its ciphertext goes is encrypted in place.
[[nodiscard]] Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, std::span<const ByteView> plaintext,
                                    ByteView aad, MutableBytes out);
// Opens ciphertext ‖ tag to `out`, which has 16 bytes less and may begin at sealed.data(). Corrupt where the tag does
// not fit; `out` is then zeroed.
[[nodiscard]] Result<void> gcm_open(AesKeyView key, GcmNonceView nonce, ByteView sealed, ByteView aad,
                                    MutableBytes out);

// One of many messages under one key: sealed, `in` is the plaintext and `out` 16 bytes longer; opened, the other way.
struct GcmMessage {
  std::array<std::uint8_t, kGcmNonceSize> nonce;
  ByteView in;
  ByteView aad;
  MutableBytes out;
};

// A key made ready once for many messages. Movable; a moved-from one may only be destroyed or assigned to.
class GcmKey {
 public:
  explicit GcmKey(AesKeyView key);

  // As gcm_seal, one message after the other. Invalid, with nothing written, where any size does not fit.
  [[nodiscard]] Result<void> seal(std::span<const GcmMessage> messages) const;
  // How many messages opened before the first whose tag does not fit: messages.size() where all did. From that one on
  // every `out` is zeroed. Invalid, with nothing written, where any size does not fit.
  [[nodiscard]] Result<std::size_t> open(std::span<const GcmMessage> messages) const;

 private:
  SecretBytes state_;
};

// AES-256 of whole blocks, each by itself (ECB), for key derivation alone. The key is expanded once.
class AesSchedule {
 public:
  explicit AesSchedule(AesKeyView key);
  // `in` and `out` have the same size, a multiple of 16, and may be the same memory.
  void encrypt_blocks(ByteView in, MutableBytes out) const;

 private:
  SecretBytes bytes_;
};

// Which implementation does all this: "ipsec-mb" or "openssl".
[[nodiscard]] std::string_view aead_name();
// Whether the environment variable LATCHKEY_AEAD names an implementation that this machine has; it may be empty. For
// main, which tells people before anything is encrypted: Invalid or Unavailable, with the cure.
[[nodiscard]] Result<void> check_aead_choice();

}  // namespace latchkey::crypto
