#include "envelope/xaes.hpp"

#include <algorithm>

namespace latchkey::envelope {

namespace {

constexpr std::size_t kBlock = crypto::kAesBlockSize;
constexpr std::size_t kHalf = 12;  // bytes of the nonce in each of its two uses
constexpr std::size_t kKeyBlocks = 2;

using Block = std::array<std::uint8_t, kBlock>;

Block xor_of(std::span<const std::uint8_t, kBlock> a, std::span<const std::uint8_t, kBlock> b) {
  Block out;
  for (std::size_t i = 0; i < kBlock; ++i) out[i] = a[i] ^ b[i];
  return out;
}

Block concatenate(std::array<std::uint8_t, 4> four, std::span<const std::uint8_t, kHalf> twelve, bool four_first) {
  Block out;
  std::copy(four.begin(), four.end(), four_first ? out.begin() : out.begin() + kHalf);
  std::copy(twelve.begin(), twelve.end(), four_first ? out.begin() + 4 : out.begin());
  return out;
}

}  // namespace

XaesKeys derive_xaes_keys(const DataKey& key, XaesNonceView nonce) {
  auto front = nonce.first<kHalf>();
  auto back = nonce.last<kHalf>();
  auto mask = key.subkey_mask();

  // Counter, 'X', zero: the SP 800-108 fixed input of the subkey. "XCMT" keeps the commitment apart from it.
  std::array<Block, 3> first{xor_of(mask, concatenate({0, 1, 'X', 0}, front, true)),
                             xor_of(mask, concatenate({0, 2, 'X', 0}, front, true)),
                             concatenate({'X', 'C', 'M', 'T'}, front, true)};
  MutableBytes first_bytes(first[0].data(), sizeof first);
  crypto::aes256_blocks(key.material(), first_bytes, first_bytes);

  XaesKeys keys{crypto::SecretBytes(ByteView(first_bytes).first(kKeyBlocks * kBlock)), {}};
  auto chained = xor_of(mask, first[kKeyBlocks]);
  std::array<Block, 2> second{xor_of(chained, concatenate({0, 1, 0, 1}, back, false)),
                              xor_of(chained, concatenate({0, 1, 0, 2}, back, false))};
  crypto::aes256_blocks(key.material(), ByteView(second[0].data(), sizeof second), keys.commitment);
  crypto::wipe(first_bytes);
  crypto::wipe(chained);
  crypto::wipe(MutableBytes(second[0].data(), sizeof second));
  return keys;
}

}  // namespace latchkey::envelope
