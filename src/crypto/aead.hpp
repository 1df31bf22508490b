// AES-256-GCM (NIST SP 800-38D) with 96-bit nonces and 128-bit tags, and the bare AES-256 block. Every call takes its
// own context: thread-safe, no state.
#pragma once

#include <array>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey::crypto {

inline constexpr std::size_t kAesKeySize = 32;
inline constexpr std::size_t kAesBlockSize = 16;
inline constexpr std::size_t kGcmNonceSize = 12;
inline constexpr std::size_t kGcmTagSize = 16;

using AesBlock = std::array<std::uint8_t, kAesBlockSize>;
using AesKeyView = std::span<const std::uint8_t, kAesKeySize>;
using GcmNonceView = std::span<const std::uint8_t, kGcmNonceSize>;

// Encrypts `plaintext` to `out`, which has plaintext.size() + 16 bytes: ciphertext, then tag. `out` may begin at
// plaintext.data() (in place). Invalid where the sizes do not fit or the plaintext is above 2^36 - 32 bytes.
[[nodiscard]] Result<void> gcm_seal(AesKeyView key, GcmNonceView nonce, ByteView plaintext, ByteView aad,
                                    MutableBytes out);
// Opens ciphertext ‖ tag to `out`, which has 16 bytes less. Corrupt where the tag does not fit; `out` is then zeroed.
[[nodiscard]] Result<void> gcm_open(AesKeyView key, GcmNonceView nonce, ByteView sealed, ByteView aad,
                                    MutableBytes out);

// AES-256 of whole blocks, each by itself (ECB), for key derivation alone. `in` and `out` have the same size, a
// multiple of 16, and may be the same memory.
void aes256_blocks(AesKeyView key, ByteView in, MutableBytes out);

}  // namespace latchkey::crypto
