#include "envelope/xaes.hpp"

#include <cstdlib>
#include <cstring>

namespace latchkey::envelope {

namespace {

constexpr std::size_t kBlock = crypto::kAesBlockSize;
constexpr std::size_t kHalf = 12;  // bytes of the nonce in each of its two uses

using Block = std::array<std::uint8_t, kBlock>;
using BlockView = std::span<const std::uint8_t, kBlock>;
using Four = std::array<std::uint8_t, 4>;

// Counter, 'X', zero: the fixed input of SP 800-108 for the subkey. "XCMT" keeps the commitment apart from it.
constexpr Four kSubkeyFront{0, 1, 'X', 0};
constexpr Four kSubkeyBack{0, 2, 'X', 0};
constexpr Four kCommitmentLabel{'X', 'C', 'M', 'T'};
constexpr Four kCommitmentFront{0, 1, 0, 1};
constexpr Four kCommitmentBack{0, 1, 0, 2};

// What is computed of one message: its key, its commitment, and the block that the latter comes from.
struct Blocks {
  std::array<std::array<Block, 3>, kXaesAtOnce> first;  // key, key, X
  std::array<std::array<Block, 2>, kXaesAtOnce> commitments;
};

Blocks& blocks() {
  static thread_local crypto::SecretBytes memory(sizeof(Blocks));
  return *reinterpret_cast<Blocks*>(memory.mutable_view().data());
}

void write(Block& out, const Four& four, const std::uint8_t* half) {
  std::memcpy(out.data(), four.data(), four.size());
  std::memcpy(out.data() + four.size(), half, kHalf);
}

void write(Block& out, const std::uint8_t* half, const Four& four) {
  std::memcpy(out.data(), half, kHalf);
  std::memcpy(out.data() + kHalf, four.data(), four.size());
}

void mix(Block& block, BlockView other) {
  for (std::size_t i = 0; i < kBlock; ++i) block[i] ^= other[i];
}

template <std::size_t Count>
void encrypt(const DataKey& key, std::array<std::array<Block, Count>, kXaesAtOnce>& all, std::size_t messages) {
  MutableBytes bytes(all.front().front().data(), messages * Count * kBlock);
  key.schedule().encrypt_blocks(bytes, bytes);
}

}  // namespace

XaesKeys::XaesKeys(const DataKey& key, std::span<const XaesNonce> nonces) {
  if (nonces.size() > kXaesAtOnce) std::abort();
  auto& all = blocks();
  auto mask = key.subkey_mask();
  for (std::size_t i = 0; i < nonces.size(); ++i) {
    auto& [front, back, chain] = all.first[i];
    write(front, kSubkeyFront, nonces[i].data());
    write(back, kSubkeyBack, nonces[i].data());
    write(chain, kCommitmentLabel, nonces[i].data());
    mix(front, mask);
    mix(back, mask);
  }
  encrypt(key, all.first, nonces.size());
  for (std::size_t i = 0; i < nonces.size(); ++i) {
    auto& chain = all.first[i][2];
    mix(chain, mask);
    write(all.commitments[i][0], nonces[i].data() + kHalf, kCommitmentFront);
    write(all.commitments[i][1], nonces[i].data() + kHalf, kCommitmentBack);
    for (auto& block : all.commitments[i]) mix(block, chain);
  }
  encrypt(key, all.commitments, nonces.size());
}

XaesKeys::~XaesKeys() {
  crypto::wipe(MutableBytes(reinterpret_cast<std::uint8_t*>(&blocks()), sizeof(Blocks)));
}

crypto::AesKeyView XaesKeys::message_key(std::size_t message) const {
  return crypto::AesKeyView(blocks().first[message].front().data(), crypto::kAesKeySize);
}

CommitmentView XaesKeys::commitment(std::size_t message) const {
  return CommitmentView(blocks().commitments[message].front().data(), kCommitmentSize);
}

}  // namespace latchkey::envelope
