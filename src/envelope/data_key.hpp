// A data key, ready for use: 32 secret bytes, the id by which ciphertexts name it, and values that are computed from it
// once.
#pragma once

#include <array>

#include "base/id.hpp"
#include "crypto/aead.hpp"
#include "crypto/secret.hpp"

namespace latchkey::envelope {

inline constexpr std::size_t kDataKeySize = 32;

// Immutable and thread-safe; lives in secret memory.
class DataKey {
 public:
  // Invalid unless `material` has 32 bytes.
  [[nodiscard]] static Result<DataKey> create(const RawId& id, crypto::SecretBytes material);

  [[nodiscard]] const RawId& id() const { return id_; }
  // The 32 bytes of the key itself.
  [[nodiscard]] crypto::AesKeyView material() const;
  // XAES-256-GCM's K1 (c2sp.org/XAES-256-GCM), and the key's schedule for the blocks that subkeys are made of; both are
  // computed once.
  [[nodiscard]] std::span<const std::uint8_t, crypto::kAesBlockSize> subkey_mask() const;
  [[nodiscard]] const crypto::AesSchedule& schedule() const { return schedule_; }

 private:
  DataKey(const RawId& id, crypto::SecretBytes state, crypto::AesSchedule schedule)
      : id_(id), state_(std::move(state)), schedule_(std::move(schedule)) {}
  RawId id_;
  crypto::SecretBytes state_;  // material ‖ K1
  crypto::AesSchedule schedule_;
};

}  // namespace latchkey::envelope
