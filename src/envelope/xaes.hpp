// XAES-256-GCM with key commitment: the content of a record, without the header. A 24-byte nonce selects a key for
// AES-256-GCM, and 32 bytes of commitment bind the message to the one data key that sealed it. Sources:
// c2sp.org/XAES-256-GCM; eprint 2025/758 for the commitment. Thread-safe, but an object belongs to one thread.
#pragma once

#include <array>
#include <span>

#include "crypto/aead.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kXaesNonceSize = 24;
inline constexpr std::size_t kCommitmentSize = 32;
// The number of messages whose keys are derived together: enough to keep the CPU's AES unit busy.
inline constexpr std::size_t kXaesAtOnce = 8;

using XaesNonce = std::array<std::uint8_t, kXaesNonceSize>;
using CommitmentView = std::span<const std::uint8_t, kCommitmentSize>;

// The one-message keys Kx and the commitments KC of some messages, in this thread's secret memory, wiped with the
// object. A thread has at most one of these at a time: it uses the keys where it derived them, and keeps none.
class XaesKeys {
 public:
  // Derives the keys for at most kXaesAtOnce nonces. Both arguments must outlive it.
  XaesKeys(const DataKey& key, std::span<const XaesNonce> nonces);
  XaesKeys(const XaesKeys&) = delete;
  XaesKeys& operator=(const XaesKeys&) = delete;
  ~XaesKeys();

  // Computes the commitments; separate, because only storing or comparing them has to wait for it.
  void commit();

  [[nodiscard]] crypto::AesKeyView message_key(std::size_t message) const;
  // Call it after commit; it ends the process before that.
  [[nodiscard]] CommitmentView commitment(std::size_t message) const;

 private:
  struct Blocks;
  static Blocks& of_this_thread();
  const DataKey& key_;
  std::span<const XaesNonce> nonces_;
  Blocks& blocks_;
  bool has_commitments_ = false;
};

// The last 12 bytes of the nonce, which are AES-GCM's.
[[nodiscard]] inline crypto::GcmNonceView gcm_nonce(const XaesNonce& nonce) {
  return std::span(nonce).last<crypto::kGcmNonceSize>();
}

}  // namespace latchkey::envelope
