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

// At most this many bound and this many encrypted parts: the lengths of all are packed into one number.
constexpr std::size_t kMostParts = 2;
constexpr int kLengthBits = 16;
constexpr std::size_t kLargest = 32;
static_assert(kMostDigested < std::numeric_limits<std::uint16_t>::max() && kMostDigested % kHashBlock == 0);

template <class Word>
Word load(const std::uint8_t* bytes) {
  Word value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

#ifdef __x86_64__
// The rest of a part behind its whole blocks, padded with zeros.
class LastBlock {
 public:
  explicit LastBlock(ByteView rest) { std::memcpy(bytes_.data(), rest.data(), rest.size()); }
  LastBlock(const LastBlock&) = delete;
  LastBlock& operator=(const LastBlock&) = delete;
  ~LastBlock() { wipe_small(bytes_); }
  [[nodiscard]] const std::uint8_t* data() const { return bytes_.data(); }

 private:
  alignas(kHashBlock) std::array<std::uint8_t, kHashBlock> bytes_{};
};

// Selects the two halves of each 128 bits to be multiplied with each other.
constexpr int kLowByHigh = 0x10;
constexpr int kXor = 0x96;  // of three operands, bit by bit

__attribute__((target("pclmul"))) HashSum hash_pclmul(std::span<const ByteView> bound,
                                                      std::span<const ByteView> message, const std::uint8_t* key) {
  auto sum = _mm_setzero_si128();
  auto add = [&](const std::uint8_t* data) __attribute__((target("pclmul"), always_inline)) {
    for (std::size_t at = 0; at < kHashBlock; at += sizeof(__m128i)) {
      auto mixed = _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(data + at)),
                                 _mm_load_si128(reinterpret_cast<const __m128i*>(key + at)));
      sum = _mm_xor_si128(sum, _mm_clmulepi64_si128(mixed, mixed, kLowByHigh));
    }
    key += kHashBlock;
  };
  auto add_all = [&](std::span<const ByteView> parts) __attribute__((target("pclmul"))) {
    for (auto part : parts) {
      for (; part.size() >= kHashBlock; part = part.subspan(kHashBlock)) add(part.data());
      if (!part.empty()) add(LastBlock(part).data());
    }
  };
  add_all(bound);
  add_all(message);
  return reinterpret_cast<HashSum>(sum);
}

// g++ 12 warns about the undefined lanes of its own intrinsics (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
__attribute__((target("avx512f,avx512bw,vpclmulqdq"))) HashSum hash_avx512(std::span<const ByteView> bound,
                                                                           std::span<const ByteView> message,
                                                                           const std::uint8_t* key) {
  auto sum = _mm512_setzero_si512();
  auto product = [&key](__m512i data, std::size_t block)
      __attribute__((target("avx512f,avx512bw,vpclmulqdq"), always_inline)) {
    auto mixed = _mm512_xor_si512(data, _mm512_load_si512(key + block * kHashBlock));
    return _mm512_clmulepi64_epi128(mixed, mixed, kLowByHigh);
  };
  constexpr std::size_t kAtOnce = 4 * kHashBlock;
  auto add_all = [&](std::span<const ByteView> parts)
      __attribute__((target("avx512f,avx512bw,vpclmulqdq"), always_inline)) {
    for (const auto& part : parts) {
      const auto* data = part.data();
      auto left = part.size();
      for (; left >= kAtOnce; left -= kAtOnce, data += kAtOnce, key += kAtOnce) {
        auto first = product(_mm512_loadu_si512(data), 0);
        auto second = product(_mm512_loadu_si512(data + kHashBlock), 1);
        auto third = product(_mm512_loadu_si512(data + 2 * kHashBlock), 2);
        auto fourth = product(_mm512_loadu_si512(data + 3 * kHashBlock), 3);
        sum = _mm512_ternarylogic_epi64(sum, first, second, kXor);
        sum = _mm512_ternarylogic_epi64(sum, third, fourth, kXor);
      }
      for (; left >= kHashBlock; left -= kHashBlock, data += kHashBlock, key += kHashBlock) {
        sum = _mm512_xor_si512(sum, product(_mm512_loadu_si512(data), 0));
      }
      if (left == 0) continue;
      sum = _mm512_xor_si512(sum, product(_mm512_maskz_loadu_epi8((__mmask64{1} << left) - 1, data), 0));
      key += kHashBlock;
    }
  };
  add_all(bound);
  add_all(message);
  auto half = _mm256_xor_si256(_mm512_castsi512_si256(sum), _mm512_extracti64x4_epi64(sum, 1));
  auto last = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  return reinterpret_cast<HashSum>(last);
}
#pragma GCC diagnostic pop
#endif

// The lengths of all parts as one number; nothing where the parts are too long or too many.
std::optional<std::uint64_t> lengths_of(std::span<const ByteView> bound, std::span<const ByteView> message) {
  if (bound.size() > kMostParts || message.size() > kMostParts) return std::nullopt;
  std::uint64_t lengths = 0;
  std::size_t room = kMostDigested;
  auto take = [&](std::span<const ByteView> parts) {
    for (const auto& part : parts) {
      if (part.size() > room) return false;
      // Counts whole blocks: the room is a whole number of them.
      room -= (part.size() + kHashBlock - 1) / kHashBlock * kHashBlock;
      lengths = lengths << kLengthBits | (part.size() + 1);
    }
    lengths <<= kLengthBits * (kMostParts - parts.size());
    return true;
  };
  if (!take(bound) || !take(message)) return std::nullopt;
  return lengths;
}

}  // namespace

std::span<const UniversalHash> universal_hashes() {
  static const auto kAll = [] {
    std::vector<UniversalHash> all;
#ifdef __x86_64__
    bool is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    if (is_wide && __builtin_cpu_supports("vpclmulqdq")) all.push_back(&hash_avx512);
    if (__builtin_cpu_supports("pclmul")) all.push_back(&hash_pclmul);
#endif
    return all;
  }();
  return kAll;
}

// Half a nonce, in the word size in which it is read again: a read of a fresh nonce stalls where the writes had other
// sizes.
struct NonceMaker::Half {
  std::uint64_t front;
  std::uint32_t back;

  static Half of(const std::uint8_t* bytes) {
    return {load<std::uint64_t>(bytes), load<std::uint32_t>(bytes + sizeof(front))};
  }
  void write(std::uint8_t* bytes) const {
    std::memcpy(bytes, &front, sizeof front);
    std::memcpy(bytes + sizeof front, &back, sizeof back);
  }
};

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

void NonceMaker::draw(MutableBytes out) {
  if (out.size() < sizeof(NonceHedge) || out.size() > kLargest) std::abort();
  if (state_.left < out.size()) {
    // Without randomness nothing here is safe: better no process than a nonce that comes back.
    if (RAND_priv_bytes(state_.drawn.data(), static_cast<int>(state_.drawn.size())) != 1) std::abort();
    state_.left = state_.drawn.size();
  }
  // Every drawn byte is used once.
  const auto* drawn = state_.drawn.data() + state_.drawn.size() - state_.left;
  state_.left -= out.size();
  if (out.size() == 2 * sizeof(NonceHedge)) {
    Half::of(drawn).write(out.data());
    Half::of(drawn + sizeof(NonceHedge)).write(out.data() + sizeof(NonceHedge));
  } else {
    std::memcpy(out.data(), drawn, out.size());
  }
}

void NonceMaker::hedge(MutableBytes out, std::span<const ByteView> bound, std::span<const ByteView> message) {
  if (out.size() < sizeof(NonceHedge)) std::abort();
  auto* end = out.data() + out.size() - sizeof(NonceHedge);
  auto lengths = lengths_of(bound, message);
  Half mixed_in;
  if (lengths && hash_ != nullptr) {
    mixed_in = digest(bound, message, *lengths);
  } else {
    NonceHedge bytes;
    kernel_random_quickly(bytes);
    mixed_in = Half::of(bytes.data());
  }
  auto half = Half::of(end);
  half.front ^= mixed_in.front;
  half.back ^= mixed_in.back;
  half.write(end);
}

void NonceMaker::begin() {
  if (state_.is_ready == 0) {
    kernel_random(state_.prf_key);
    kernel_random(state_.hash_key);
    state_.is_ready = 1;
  }
  prf_.emplace(state_.prf_key);
}

NonceMaker::Half NonceMaker::digest(std::span<const ByteView> bound, std::span<const ByteView> message,
                                    std::uint64_t lengths) {
  if (state_.is_ready == 0 || !prf_) begin();
  // The lengths belong to the hash because each part is padded with zeros. One register holds it all: a read after
  // writes in parts stalls.
  auto sum = hash_(bound, message, state_.hash_key.data()) ^ HashSum { counter_(), lengths };
  AesBlock block;
  std::memcpy(block.data(), &sum, block.size());
  prf_->encrypt_blocks(block, block);
  return Half::of(block.data());
}

}  // namespace latchkey::crypto
