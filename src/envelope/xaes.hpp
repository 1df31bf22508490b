// XAES-256-GCM with key commitment: what a record is made of, without the header. A 24-byte nonce chooses a key for
// AES-256-GCM, and 32 bytes of commitment tie the message to the one data key that made it.
// Sources: c2sp.org/XAES-256-GCM; eprint 2025/758 for the commitment. Pure functions; thread-safe.
#pragma once

#include <array>

#include "crypto/aead.hpp"
#include "crypto/secret.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kXaesNonceSize = 24;
inline constexpr std::size_t kCommitmentSize = 32;

using XaesNonceView = std::span<const std::uint8_t, kXaesNonceSize>;
using Commitment = std::array<std::uint8_t, kCommitmentSize>;

// The one-message key Kx, and the commitment KC.
struct XaesKeys {
  crypto::SecretBytes message_key;  // 32 bytes
  Commitment commitment;
};
[[nodiscard]] XaesKeys derive_xaes_keys(const DataKey& key, XaesNonceView nonce);

// The last 12 bytes of the nonce, which are AES-GCM's.
[[nodiscard]] inline crypto::GcmNonceView gcm_nonce(XaesNonceView nonce) {
  return nonce.last<crypto::kGcmNonceSize>();
}

}  // namespace latchkey::envelope
