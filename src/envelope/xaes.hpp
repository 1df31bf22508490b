// XAES-256-GCM with key commitment: what a record is made of, without the header. A 24-byte nonce chooses a key for
// AES-256-GCM, and 32 bytes of commitment tie the message to the one data key that made it.
// Sources: c2sp.org/XAES-256-GCM; eprint 2025/758 for the commitment. Thread-safe.
#pragma once

#include <array>
#include <span>

#include "crypto/aead.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kXaesNonceSize = 24;
inline constexpr std::size_t kCommitmentSize = 32;
// As many messages as are derived together: enough to keep the CPU's AES unit busy.
inline constexpr std::size_t kXaesAtOnce = 8;

using XaesNonce = std::array<std::uint8_t, kXaesNonceSize>;
using CommitmentView = std::span<const std::uint8_t, kCommitmentSize>;

// The one-message keys Kx and the commitments KC of some messages, in this thread's secret memory, wiped when the
// object goes. A thread has one of these at a time: the keys are used where they were derived, and nowhere kept.
class XaesKeys {
 public:
  // The keys of at most kXaesAtOnce nonces. Both outlive it.
  XaesKeys(const DataKey& key, std::span<const XaesNonce> nonces);
  XaesKeys(const XaesKeys&) = delete;
  XaesKeys& operator=(const XaesKeys&) = delete;
  ~XaesKeys();

  // The commitments, which nothing but whoever stores or compares them waits for.
  void commit();

  [[nodiscard]] crypto::AesKeyView message_key(std::size_t message) const;
  // After commit; ends the process before it.
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
