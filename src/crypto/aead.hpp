// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, and the bare AES-256 block, by the fastest
// implementation that the machine has (aes_engine.hpp). Key schedules live in secret memory and are wiped. All
// functions are thread-safe.
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
// plaintext.data() (in place). Invalid where the sizes do not match or the plaintext is above 2^36 - 32 bytes.
// Allocates only on a thread's first call.
[[nodiscard]] Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, ByteView plaintext, ByteView aad,
                                    MutableBytes out);
// The same for a plaintext in pieces; a piece that begins where its ciphertext goes is encrypted in place.
[[nodiscard]] Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, std::span<const ByteView> plaintext,
                                    ByteView aad, MutableBytes out);
// Decrypts ciphertext ‖ tag to `out`, which has 16 bytes less and may begin at sealed.data(). Invalid where the sizes
// do not match; Corrupt where the tag does not match, with `out` zeroed.
[[nodiscard]] Result<void> gcm_open(AesKeyView key, GcmNonceView nonce, ByteView sealed, ByteView aad,
                                    MutableBytes out);

// One of many messages under one key. To seal, `in` is the plaintext and `out` is 16 bytes longer; to open, it is 16
// bytes shorter than `in`.
struct GcmMessage {
  std::array<std::uint8_t, kGcmNonceSize> nonce;
  ByteView in;
  ByteView aad;
  MutableBytes out;
};

// A key prepared once for many messages. Movable; a moved-from key may only be destroyed or assigned to.
class GcmKey {
 public:
  explicit GcmKey(AesKeyView key);

  // As gcm_seal, one message after the other. Invalid, with nothing written, where any size does not match.
  [[nodiscard]] Result<void> seal(std::span<const GcmMessage> messages) const;
  // Returns how many messages opened before the first whose tag does not match: messages.size() where all did. From
  // that one on every `out` is zeroed. Invalid, with nothing written, where any size does not match.
  [[nodiscard]] Result<std::size_t> open(std::span<const GcmMessage> messages) const;

 private:
  SecretBytes state_;
};

// AES-256 of single blocks, each by itself (ECB), for key derivation only. The key is expanded once.
class AesSchedule {
 public:
  explicit AesSchedule(AesKeyView key);
  // `in` and `out` have the same size, a multiple of 16, and may be the same memory.
  void encrypt_blocks(ByteView in, MutableBytes out) const;
  // Where it lies, as a hint to the processor.
  [[nodiscard]] const void* place() const { return bytes_.reveal().data(); }

 private:
  SecretBytes bytes_;
};

// The implementation in use: "ipsec-mb" or "openssl".
[[nodiscard]] std::string_view aead_name();
// Checks that the environment variable LATCHKEY_AEAD is empty or names an implementation that this machine has. main
// calls it to fail with a message before anything is encrypted. Invalid or Unavailable, with the cure.
[[nodiscard]] Result<void> check_aead_choice();

}  // namespace latchkey::crypto
