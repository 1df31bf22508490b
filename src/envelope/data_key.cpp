#include "envelope/data_key.hpp"

#include <algorithm>
#include <array>

namespace latchkey::envelope {

namespace {

// CMAC's doubling (SP 800-38B section 6.1): K1 = L << 1, with 0x87 added to the last byte where a bit was shifted out.
// Does not branch on the secret.
void derive_subkey_mask(const crypto::AesSchedule& schedule, MutableBytes mask) {
  crypto::AesBlock block{};
  schedule.encrypt_blocks(block, block);
  auto carry = static_cast<std::uint8_t>(block[0] >> 7);
  for (std::size_t i = 0; i < block.size(); ++i) {
    auto next = i + 1 < block.size() ? static_cast<std::uint8_t>(block[i + 1] >> 7) : std::uint8_t{0};
    mask[i] = static_cast<std::uint8_t>(block[i] << 1 | next);
  }
  mask[mask.size() - 1] ^= static_cast<std::uint8_t>(carry * 0x87);
  crypto::wipe(block);
}

}  // namespace

Result<DataKey> DataKey::create(const RawId& id, crypto::SecretBytes material) {
  if (material.size() != kDataKeySize) return Error{ErrorCode::Invalid, "a data key has 32 bytes"};
  crypto::SecretBytes state(kDataKeySize + crypto::kAesBlockSize);
  auto bytes = state.mutable_view();
  std::copy(material.reveal().begin(), material.reveal().end(), bytes.begin());
  crypto::AesSchedule schedule(bytes.first<kDataKeySize>());
  derive_subkey_mask(schedule, bytes.subspan(kDataKeySize));
  return DataKey(id, std::move(state), std::move(schedule));
}

crypto::AesKeyView DataKey::material() const {
  return state_.reveal().first<kDataKeySize>();
}

std::span<const std::uint8_t, crypto::kAesBlockSize> DataKey::subkey_mask() const {
  return state_.reveal().subspan<kDataKeySize, crypto::kAesBlockSize>();
}

}  // namespace latchkey::envelope
