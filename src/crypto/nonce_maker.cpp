#include "crypto/nonce_maker.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

#include <openssl/rand.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "crypto/kernel_random.hpp"
#include "crypto/secret.hpp"

namespace latchkey::crypto {

namespace {

// Of those that are bound, and of those that are encrypted: the lengths of all of them are one number.
constexpr std::size_t kMostParts = 2;
constexpr int kLengthBits = 16;
// Nearly all nonces have this size.
constexpr std::size_t kUsual = 24;
constexpr std::size_t kLargest = 32;
static_assert(kMostDigested < std::numeric_limits<std::uint16_t>::max() && kMostDigested % kNhBlock == 0);

std::uint32_t word_of(const std::uint8_t* bytes, std::size_t word) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes + word * sizeof value, sizeof value);
  return value;
}

std::uint64_t product(const std::uint8_t* data, const std::uint8_t* key, std::size_t pair) {
  return std::uint64_t{word_of(data, 2 * pair) + word_of(key, 2 * pair)} *
         (word_of(data, 2 * pair + 1) + word_of(key, 2 * pair + 1));
}

// What is left of a part behind its whole blocks, filled up with zeros.
class LastBlock {
 public:
  explicit LastBlock(ByteView rest) { std::memcpy(bytes_.data(), rest.data(), rest.size()); }
  LastBlock(const LastBlock&) = delete;
  LastBlock& operator=(const LastBlock&) = delete;
  ~LastBlock() { wipe_small(bytes_); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }

 private:
  alignas(kNhBlock) std::array<std::uint8_t, kNhBlock> bytes_{};
};

#ifdef __x86_64__
__attribute__((target("avx2"))) NhSums nh_avx2(std::span<const ByteView> parts, const std::uint8_t* key) {
  auto first = _mm256_setzero_si256();
  auto second = _mm256_setzero_si256();
  auto add = [&](const std::uint8_t* data) __attribute__((target("avx2"), always_inline)) {
    auto block = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
    auto one = _mm256_add_epi32(block, _mm256_load_si256(reinterpret_cast<const __m256i*>(key)));
    auto other = _mm256_add_epi32(block, _mm256_load_si256(reinterpret_cast<const __m256i*>(key + kNhBlock)));
    first = _mm256_add_epi64(first, _mm256_mul_epu32(one, _mm256_srli_epi64(one, 32)));
    second = _mm256_add_epi64(second, _mm256_mul_epu32(other, _mm256_srli_epi64(other, 32)));
    key += kNhBlock;
  };
  for (auto part : parts) {
    for (; part.size() >= kNhBlock; part = part.subspan(kNhBlock)) add(part.data());
    if (!part.empty()) add(LastBlock(part).data());
  }
  alignas(kNhBlock) std::array<std::array<std::uint64_t, 4>, 2> lanes;
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes[0].data()), first);
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes[1].data()), second);
  return {lanes[0][0] + lanes[0][1] + lanes[0][2] + lanes[0][3], lanes[1][0] + lanes[1][1] + lanes[1][2] + lanes[1][3]};
}

// Two blocks at once. g++ 12 takes its own intrinsics' undefined lanes for a mistake (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
__attribute__((target("avx512f,avx512bw"))) NhSums nh_avx512(std::span<const ByteView> parts, const std::uint8_t* key) {
  constexpr std::size_t kTwo = 2 * kNhBlock;
  constexpr __mmask8 kBoth = 0xff;
  constexpr __mmask8 kOne = 0x0f;
  auto first = _mm512_setzero_si512();
  auto second = _mm512_setzero_si512();
  // The key's next two blocks from each block on: what lies across two loads is put together, which takes less.
  auto here = _mm512_loadu_si512(key);
  auto add = [&](__m512i data, __m512i after, __mmask8 lanes)
      __attribute__((target("avx512f,avx512bw"), always_inline)) {
    auto one = _mm512_add_epi32(data, here);
    auto other = _mm512_add_epi32(data, after);
    first = _mm512_add_epi64(first, _mm512_maskz_mul_epu32(lanes, one, _mm512_srli_epi64(one, 32)));
    second = _mm512_add_epi64(second, _mm512_maskz_mul_epu32(lanes, other, _mm512_srli_epi64(other, 32)));
  };
  for (auto part : parts) {
    const auto* data = part.data();
    auto left = part.size();
    for (; left >= kTwo; left -= kTwo, data += kTwo) {
      key += kTwo;
      auto next = _mm512_loadu_si512(key);
      add(_mm512_loadu_si512(data), _mm512_alignr_epi64(next, here, 4), kBoth);
      here = next;
    }
    if (left == 0) continue;
    bool is_one = left <= kNhBlock;
    add(_mm512_maskz_loadu_epi8((__mmask64{1} << left) - 1, data), _mm512_loadu_si512(key + kNhBlock),
        is_one ? kOne : kBoth);
    key += is_one ? kNhBlock : kTwo;
    here = _mm512_loadu_si512(key);
  }
  return {static_cast<std::uint64_t>(_mm512_reduce_add_epi64(first)),
          static_cast<std::uint64_t>(_mm512_reduce_add_epi64(second))};
}
#pragma GCC diagnostic pop
#endif

// Nothing where they are too long or too many.
struct Digested {
  std::array<ByteView, 2 * kMostParts> parts;
  std::size_t count = 0;
  std::uint64_t lengths = 0;

  [[nodiscard]] bool take(std::span<const ByteView> some, std::size_t& room) {
    if (some.size() > kMostParts) return false;
    for (auto part : some) {
      if (part.size() > room) return false;
      // Whole blocks, of which there is room for a whole number.
      room -= (part.size() + kNhBlock - 1) / kNhBlock * kNhBlock;
      lengths = lengths << kLengthBits | (part.size() + 1);
      parts[count++] = part;
    }
    lengths <<= kLengthBits * (kMostParts - some.size());
    return true;
  }
};

// The last 16 bytes. In whole words: who reads a nonce that was written just now waits for bytes that were written one
// by one.
void mix(const std::uint8_t* drawn, const NhSums& hedge, std::span<std::uint8_t, kUsual> out) {
  std::array<std::uint64_t, kUsual / sizeof(std::uint64_t)> words;
  std::memcpy(words.data(), drawn, kUsual);
  words[1] ^= hedge[0];
  words[2] ^= hedge[1];
  std::memcpy(out.data(), words.data(), kUsual);
}

}  // namespace

NhSums nh_portably(std::span<const ByteView> parts, const std::uint8_t* key) {
  NhSums sums{};
  auto add = [&](const std::uint8_t* data) {
    for (std::size_t pair = 0; pair < kNhBlock / sizeof(std::uint64_t); ++pair) {
      sums[0] += product(data, key, pair);
      sums[1] += product(data, key + kNhBlock, pair);
    }
    key += kNhBlock;
  };
  for (auto part : parts) {
    for (; part.size() >= kNhBlock; part = part.subspan(kNhBlock)) add(part.data());
    if (!part.empty()) add(LastBlock(part).data());
  }
  return sums;
}

std::span<const Nh> all_nh() {
  static const auto kAll = [] {
    std::vector<Nh> all;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) all.push_back(&nh_avx512);
    if (__builtin_cpu_supports("avx2")) all.push_back(&nh_avx2);
#endif
    all.push_back(&nh_portably);
    return all;
  }();
  return kAll;
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
  if (out.size() < sizeof(NhSums) || out.size() > kLargest) std::abort();
  if (state_.is_ready == 0 || !prf_) begin();
  auto words = hedge(bound, message);
  const auto* drawn = draw(out.size());
  if (out.size() == kUsual) {
    mix(drawn, words, out.first<kUsual>());
    return;
  }
  std::memcpy(out.data(), drawn, out.size());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
  auto last = out.last(sizeof words);
  for (std::size_t i = 0; i < sizeof words; ++i) last[i] ^= bytes[i];
}

void NonceMaker::begin() {
  if (state_.is_ready == 0) {
    kernel_random(state_.prf_key);
    kernel_random(state_.nh_key);
    state_.is_ready = 1;
  }
  prf_.emplace(state_.prf_key);
}

// Each is given once.
const std::uint8_t* NonceMaker::draw(std::size_t size) {
  if (state_.left < size) {
    // Without randomness nothing here is safe: better no process than a nonce that comes back.
    if (RAND_priv_bytes(state_.drawn.data(), static_cast<int>(state_.drawn.size())) != 1) std::abort();
    state_.left = state_.drawn.size();
  }
  const auto* drawn = state_.drawn.data() + state_.drawn.size() - state_.left;
  state_.left -= size;
  return drawn;
}

NhSums NonceMaker::hedge(std::span<const ByteView> bound, std::span<const ByteView> message) const {
  Digested all;
  auto room = kMostDigested;
  NhSums words;
  if (!all.take(bound, room) || !all.take(message, room)) {
    kernel_random_quickly({reinterpret_cast<std::uint8_t*>(words.data()), sizeof words});
    return words;
  }
  // First, so that the processor does both at once.
  const std::array<std::uint64_t, 2> when{counter_(), state_.left};
  AesBlock block;
  std::memcpy(block.data(), when.data(), block.size());
  prf_->encrypt_blocks(block, block);
  words = nh_(std::span(all.parts).first(all.count), state_.nh_key.data());
  // Where only the lengths differ, as each part is filled up with zeros.
  words[1] += all.lengths;
  NhSums pad;
  std::memcpy(pad.data(), block.data(), sizeof pad);
  return {words[0] ^ pad[0], words[1] ^ pad[1]};
}

}  // namespace latchkey::crypto
