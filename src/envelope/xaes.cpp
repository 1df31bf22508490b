#include "envelope/xaes.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>

namespace latchkey::envelope {

namespace {

constexpr std::size_t kBlock = crypto::kAesBlockSize;

// A block as a vector register, in which it is put together and mixed: a read right after writes in parts stalls the
// CPU.
using Block = std::uint64_t __attribute__((vector_size(kBlock)));
static_assert(std::endian::native == std::endian::little, "the words below are written for little-endian machines");

constexpr std::uint32_t word(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return a | b << 8 | c << 16 | static_cast<std::uint32_t>(d) << 24;
}

// The fixed input of SP 800-108 for the subkey: counter, 'X', zero. "XCMT" separates the commitment from it.
constexpr std::uint32_t kSubkeyFront = word(0, 1, 'X', 0);
constexpr std::uint32_t kSubkeyBack = word(0, 2, 'X', 0);
constexpr std::uint32_t kCommitmentLabel = word('X', 'C', 'M', 'T');
constexpr std::uint32_t kCommitmentFront = word(0, 1, 0, 1);
constexpr std::uint32_t kCommitmentBack = word(0, 1, 0, 2);

// Half a nonce, in the words in which it was just written, for the same reason.
struct Half {
  std::uint64_t front;
  std::uint32_t back;
};
constexpr std::size_t kHalf = sizeof(Half::front) + sizeof(Half::back);
static_assert(kXaesNonceSize == 2 * kHalf);

Half half_of(const std::uint8_t* bytes) {
  Half half;
  std::memcpy(&half.front, bytes, sizeof half.front);
  std::memcpy(&half.back, bytes + sizeof half.front, sizeof half.back);
  return half;
}

// Makes `four` ‖ the first half of the nonce; the other function, the second half ‖ `four`.
Block with_first_half(std::uint32_t four, const Half& half) {
  return Block{four | half.front << 32, half.front >> 32 | std::uint64_t{half.back} << 32};
}
Block with_second_half(const Half& half, std::uint32_t four) {
  return Block{half.front, half.back | std::uint64_t{four} << 32};
}

Block mask_of(const DataKey& key) {
  Block mask;
  std::memcpy(&mask, key.subkey_mask().data(), sizeof mask);
  return mask;
}

std::uint8_t* bytes_of(Block& block) {
  return reinterpret_cast<std::uint8_t*>(&block);
}

template <std::size_t Count>
void encrypt(const DataKey& key, std::array<std::array<Block, Count>, kXaesAtOnce>& all, std::size_t messages) {
  MutableBytes bytes(bytes_of(all.front().front()), messages * Count * kBlock);
  key.schedule().encrypt_blocks(bytes, bytes);
}

}  // namespace

// The values of one message: its key, its commitment, and the block that the commitment comes from.
struct XaesKeys::Blocks {
  std::array<std::array<Block, 3>, kXaesAtOnce> first;  // key, key, X
  std::array<std::array<Block, 2>, kXaesAtOnce> commitments;
};

XaesKeys::Blocks& XaesKeys::of_this_thread() {
  static thread_local crypto::SecretBytes memory(sizeof(Blocks));
  return *reinterpret_cast<Blocks*>(memory.mutable_view().data());
}

XaesKeys::XaesKeys(const DataKey& key, std::span<const XaesNonce> nonces)
    : key_(key), nonces_(nonces), blocks_(of_this_thread()) {
  if (nonces.size() > kXaesAtOnce) std::abort();
  auto& all = blocks_;
  auto mask = mask_of(key);
  for (std::size_t i = 0; i < nonces.size(); ++i) {
    auto half = half_of(nonces[i].data());
    all.first[i] = {with_first_half(kSubkeyFront, half) ^ mask, with_first_half(kSubkeyBack, half) ^ mask,
                    with_first_half(kCommitmentLabel, half)};
  }
  encrypt(key, all.first, nonces.size());
}

void XaesKeys::commit() {
  auto& all = blocks_;
  auto mask = mask_of(key_);
  for (std::size_t i = 0; i < nonces_.size(); ++i) {
    auto half = half_of(nonces_[i].data() + kHalf);
    auto chain = all.first[i][2] ^ mask;
    all.commitments[i] = {with_second_half(half, kCommitmentFront) ^ chain,
                          with_second_half(half, kCommitmentBack) ^ chain};
  }
  encrypt(key_, all.commitments, nonces_.size());
  has_commitments_ = true;
}

XaesKeys::~XaesKeys() {
  for (std::size_t i = 0; i < nonces_.size(); ++i) {
    crypto::wipe_small(blocks_.first[i]);
    crypto::wipe_small(blocks_.commitments[i]);
  }
}

crypto::AesKeyView XaesKeys::message_key(std::size_t message) const {
  return crypto::AesKeyView(bytes_of(blocks_.first[message].front()), crypto::kAesKeySize);
}

CommitmentView XaesKeys::commitment(std::size_t message) const {
  if (!has_commitments_) std::abort();
  return CommitmentView(bytes_of(blocks_.commitments[message].front()), kCommitmentSize);
}

}  // namespace latchkey::envelope
