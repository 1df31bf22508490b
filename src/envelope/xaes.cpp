#include "envelope/xaes.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>

namespace latchkey::envelope {

namespace {

constexpr std::size_t kBlock = crypto::kAesBlockSize;
constexpr std::size_t kHalf = 12;  // bytes of the nonce in each of its two uses

// A block as a vector register, so that it is put together and mixed there: bytes that are written in parts and read as
// a whole at once make the CPU wait.
using Block = std::uint64_t __attribute__((vector_size(kBlock)));
static_assert(std::endian::native == std::endian::little, "the words below are written for little-endian machines");

constexpr std::uint32_t word(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return a | b << 8 | c << 16 | static_cast<std::uint32_t>(d) << 24;
}

// Counter, 'X', zero: the fixed input of SP 800-108 for the subkey. "XCMT" keeps the commitment apart from it.
constexpr std::uint32_t kSubkeyFront = word(0, 1, 'X', 0);
constexpr std::uint32_t kSubkeyBack = word(0, 2, 'X', 0);
constexpr std::uint32_t kCommitmentLabel = word('X', 'C', 'M', 'T');
constexpr std::uint32_t kCommitmentFront = word(0, 1, 0, 1);
constexpr std::uint32_t kCommitmentBack = word(0, 1, 0, 2);

// What is computed of one message: its key, its commitment, and the block that the latter comes from.
struct Blocks {
  std::array<std::array<Block, 3>, kXaesAtOnce> first;  // key, key, X
  std::array<std::array<Block, 2>, kXaesAtOnce> commitments;
};

Blocks& blocks() {
  static thread_local crypto::SecretBytes memory(sizeof(Blocks));
  return *reinterpret_cast<Blocks*>(memory.mutable_view().data());
}

template <class Word>
Word load(const std::uint8_t* bytes) {
  Word word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// four ‖ half, and half ‖ four.
Block four_first(std::uint32_t four, const std::uint8_t* half) {
  return Block{four | std::uint64_t{load<std::uint32_t>(half)} << 32, load<std::uint64_t>(half + 4)};
}
Block four_last(const std::uint8_t* half, std::uint32_t four) {
  return Block{load<std::uint64_t>(half), load<std::uint32_t>(half + 8) | std::uint64_t{four} << 32};
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

XaesKeys::XaesKeys(const DataKey& key, std::span<const XaesNonce> nonces) : messages_(nonces.size()) {
  if (messages_ > kXaesAtOnce) std::abort();
  auto& all = blocks();
  auto mask = load<Block>(key.subkey_mask().data());
  for (std::size_t i = 0; i < messages_; ++i) {
    const auto* front = nonces[i].data();
    all.first[i] = {four_first(kSubkeyFront, front) ^ mask, four_first(kSubkeyBack, front) ^ mask,
                    four_first(kCommitmentLabel, front)};
  }
  encrypt(key, all.first, messages_);
  for (std::size_t i = 0; i < messages_; ++i) {
    const auto* back = nonces[i].data() + kHalf;
    auto chain = all.first[i][2] ^ mask;
    all.commitments[i] = {four_last(back, kCommitmentFront) ^ chain, four_last(back, kCommitmentBack) ^ chain};
  }
  encrypt(key, all.commitments, messages_);
}

XaesKeys::~XaesKeys() {
  auto& all = blocks();
  crypto::wipe(MutableBytes(bytes_of(all.first.front().front()), messages_ * sizeof(all.first.front())));
  crypto::wipe(MutableBytes(bytes_of(all.commitments.front().front()), messages_ * sizeof(all.commitments.front())));
}

crypto::AesKeyView XaesKeys::message_key(std::size_t message) const {
  return crypto::AesKeyView(bytes_of(blocks().first[message].front()), crypto::kAesKeySize);
}

CommitmentView XaesKeys::commitment(std::size_t message) const {
  return CommitmentView(bytes_of(blocks().commitments[message].front()), kCommitmentSize);
}

}  // namespace latchkey::envelope
