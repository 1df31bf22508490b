#include "crypto/nonce_maker.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>

#include <openssl/rand.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "crypto/kernel_random.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

namespace {

// The lengths of all parts are digested in one block, behind how many of them are bound.
constexpr std::size_t kMostParts = kNhBlock / sizeof(std::uint16_t) - 1;
static_assert(kMostDigested <= std::numeric_limits<std::uint16_t>::max());

std::size_t blocks_of(ByteView part) {
  return part.size() / kNhBlock + (part.size() % kNhBlock == 0 ? 0 : 1);
}

std::uint32_t word_of(const std::uint8_t* bytes, std::size_t word) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes + word * sizeof value, sizeof value);
  return value;
}

std::uint64_t product(const std::uint8_t* data, const std::uint8_t* key, std::size_t pair) {
  return std::uint64_t{word_of(data, 2 * pair) + word_of(key, 2 * pair)} *
         (word_of(data, 2 * pair + 1) + word_of(key, 2 * pair + 1));
}

#ifdef __x86_64__
__attribute__((target("avx2"))) void nh_add_avx2(const std::uint8_t* data, std::size_t blocks, const std::uint8_t* key,
                                                 NhSums& sums) {
  auto first = _mm256_load_si256(reinterpret_cast<const __m256i*>(sums.first.data()));
  auto second = _mm256_load_si256(reinterpret_cast<const __m256i*>(sums.second.data()));
  const auto* keys = reinterpret_cast<const __m256i*>(key);
  auto here = _mm256_load_si256(keys);
  for (std::size_t i = 0; i < blocks; ++i) {
    auto next = _mm256_load_si256(keys + i + 1);
    auto block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data) + i);
    auto one = _mm256_add_epi32(block, here);
    auto other = _mm256_add_epi32(block, next);
    first = _mm256_add_epi64(first, _mm256_mul_epu32(one, _mm256_srli_epi64(one, 32)));
    second = _mm256_add_epi64(second, _mm256_mul_epu32(other, _mm256_srli_epi64(other, 32)));
    here = next;
  }
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums.first.data()), first);
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums.second.data()), second);
}
#endif

// The parts of a message one behind the other, each filled up to a whole block.
class Digest {
 public:
  explicit Digest(const std::uint8_t* key) : key_(key) {}

  void add(ByteView part) {
    auto whole = part.size() / kNhBlock;
    add_blocks(part.data(), whole);
    auto rest = part.subspan(whole * kNhBlock);
    if (rest.empty()) return;
    alignas(kNhBlock) std::array<std::uint8_t, kNhBlock> block{};
    std::memcpy(block.data(), rest.data(), rest.size());
    add_blocks(block.data(), 1);
    wipe_small(block);
  }

  // Two sums of 64 bits.
  [[nodiscard]] std::array<std::uint64_t, 2> sums() const {
    const auto& [one, other] = sums_;
    return {one[0] + one[1] + one[2] + one[3], other[0] + other[1] + other[2] + other[3]};
  }

 private:
  void add_blocks(const std::uint8_t* data, std::size_t blocks) {
    static const auto kAdd = nh_add();
    kAdd(data, blocks, key_, sums_);
    key_ += blocks * kNhBlock;
  }
  const std::uint8_t* key_;
  NhSums sums_;
};

bool is_digested(std::span<const ByteView> bound, std::span<const ByteView> message) {
  if (bound.size() + message.size() > kMostParts) return false;
  std::size_t blocks = 1;
  for (auto parts : {bound, message}) {
    for (auto part : parts) {
      if (part.size() > kMostDigested) return false;
      blocks += blocks_of(part);
    }
  }
  return blocks <= kMostDigested / kNhBlock;
}

}  // namespace

void nh_add_portably(const std::uint8_t* data, std::size_t blocks, const std::uint8_t* key, NhSums& sums) {
  for (std::size_t i = 0; i < blocks; ++i, data += kNhBlock, key += kNhBlock) {
    for (std::size_t pair = 0; pair < sums.first.size(); ++pair) {
      sums.first[pair] += product(data, key, pair);
      sums.second[pair] += product(data, key + kNhBlock, pair);
    }
  }
}

NhAdd nh_add() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return &nh_add_avx2;
#endif
  return &nh_add_portably;
}

std::uint64_t NonceMaker::time_stamp_counter() {
#ifdef __x86_64__
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

void NonceMaker::make(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
  AesBlock hedge;
  if (out.size() < hedge.size() || out.size() > 2 * hedge.size()) std::abort();
  if (state_.is_ready == 0 || !prf_) begin();
  give_drawn(out);
  if (is_digested(bound, message)) {
    hedge = digest(bound, message);
  } else {
    kernel_random_quickly(hedge);
  }
  for (std::size_t i = 0; i < hedge.size(); ++i) out[i] ^= hedge[i];
}

void NonceMaker::begin() {
  if (state_.is_ready == 0) {
    kernel_random(state_.prf_key);
    kernel_random(state_.nh_key);
    state_.is_ready = 1;
  }
  prf_.emplace(state_.prf_key);
}

void NonceMaker::give_drawn(MutableBytes out) {
  if (state_.left < out.size()) {
    auto size = static_cast<int>(state_.drawn.size());
    // Without randomness nothing here is safe: better no process than a nonce that comes back.
    if (RAND_priv_bytes(state_.drawn.data(), size) != 1) std::abort();
    state_.left = state_.drawn.size();
  }
  auto* given = state_.drawn.data() + state_.drawn.size() - state_.left;
  std::memcpy(out.data(), given, out.size());
  std::memset(given, 0, out.size());
  state_.left -= out.size();
}

AesBlock NonceMaker::digest(std::span<const ByteView> bound, std::span<const ByteView> message) const {
  alignas(kNhBlock) std::array<std::uint16_t, 1 + kMostParts> lengths{static_cast<std::uint16_t>(bound.size())};
  std::size_t part_number = 1;
  for (auto parts : {bound, message}) {
    for (auto part : parts) lengths[part_number++] = static_cast<std::uint16_t>(part.size());
  }
  Digest all(state_.nh_key.data());
  all.add({reinterpret_cast<const std::uint8_t*>(lengths.data()), kNhBlock});
  for (auto parts : {bound, message}) {
    for (auto part : parts) all.add(part);
  }
  auto sums = all.sums();
  // NH keeps a difference between two messages whatever is added to one of them.
  sums[0] += counter_();
  AesBlock block;
  std::memcpy(block.data(), sums.data(), block.size());
  prf_->encrypt_blocks(block, block);
  return block;
}

}  // namespace latchkey::crypto
