#include "base/base64_avx2.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace latchkey {

#if defined(__x86_64__)

// The way of doing it: W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2 Instructions" (2018),
// https://arxiv.org/abs/1704.00605.

namespace {

constexpr std::size_t kBytes = 24;
constexpr std::size_t kCharacters = 32;
constexpr std::size_t kHalf = 12;
// A step reads 16 bytes from the middle of its own 24, and writes 32 bytes of which 24 count.
constexpr std::size_t kBytesRead = 28;
constexpr std::size_t kCharactersNeeded = kCharacters + 12;

// The same 16 bytes in both halves of a register.
__attribute__((target("avx2"))) inline __m256i both(__m128i half) {
  return _mm256_broadcastsi128_si256(half);
}

// From 24 bytes, 12 in each half, to 32 numbers of six bits.
__attribute__((target("avx2"))) inline __m256i split(__m256i bytes) {
  auto groups = _mm256_shuffle_epi8(bytes, both(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10)));
  auto first_and_third =
      _mm256_mulhi_epu16(_mm256_and_si256(groups, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
  auto second_and_fourth =
      _mm256_mullo_epi16(_mm256_and_si256(groups, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
  return _mm256_or_si256(first_and_third, second_and_fourth);
}

// From numbers to characters: each range of the alphabet is so far away from its numbers.
__attribute__((target("avx2"))) inline __m256i to_alphabet(__m256i numbers) {
  auto distances = both(_mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                      '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0));
  // 13 for capitals, 0 for small letters, 1 to 10 for digits, 11 and 12 for the last two.
  auto range = _mm256_subs_epu8(numbers, _mm256_set1_epi8(51));
  auto is_capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), numbers);
  range = _mm256_or_si256(range, _mm256_and_si256(is_capital, _mm256_set1_epi8(13)));
  return _mm256_add_epi8(numbers, _mm256_shuffle_epi8(distances, range));
}

// From characters to numbers; false where one is not of the alphabet. The upper half of a character says how far it is
// from its number, but for '/', and which lower halves it may have.
__attribute__((target("avx2"))) inline bool from_alphabet(__m256i characters, __m256i& numbers) {
  auto by_lower = both(
      _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a));
  auto by_upper = both(
      _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10));
  auto distances = both(_mm_setr_epi8(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0));
  auto half = _mm256_set1_epi8(0x0f);
  auto upper = _mm256_and_si256(_mm256_srli_epi32(characters, 4), half);
  auto lower = _mm256_and_si256(characters, half);
  auto wrong = _mm256_and_si256(_mm256_shuffle_epi8(by_lower, lower), _mm256_shuffle_epi8(by_upper, upper));
  auto is_slash = _mm256_cmpeq_epi8(characters, _mm256_set1_epi8('/'));
  numbers = _mm256_add_epi8(characters, _mm256_shuffle_epi8(distances, _mm256_add_epi8(is_slash, upper)));
  return _mm256_testz_si256(wrong, wrong) == 1;
}

// From 32 numbers to 24 bytes in front.
__attribute__((target("avx2"))) inline __m256i join(__m256i numbers) {
  auto pairs = _mm256_maddubs_epi16(numbers, _mm256_set1_epi32(0x01400140));
  auto groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
  auto order = both(_mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1));
  return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

}  // namespace

bool has_base64_avx2() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

__attribute__((target("avx2"))) std::size_t base64_encode_avx2(const unsigned char* bytes, std::size_t size,
                                                               unsigned char* out) {
  std::size_t done = 0;
  for (; size - done >= kBytesRead; done += kBytes, out += kCharacters) {
    const auto* from = bytes + done;
    auto first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    auto second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + kHalf));
    auto characters = to_alphabet(split(_mm256_set_m128i(second, first)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), characters);
  }
  return done;
}

__attribute__((target("avx2"))) std::size_t base64_decode_avx2(const unsigned char* text, std::size_t size,
                                                               unsigned char* out) {
  std::size_t done = 0;
  for (; size - done >= kCharactersNeeded; done += kCharacters, out += kBytes) {
    auto characters = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(text + done));
    __m256i numbers;
    if (!from_alphabet(characters, numbers)) break;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), join(numbers));
  }
  return done;
}

#else

bool has_base64_avx2() {
  return false;
}
std::size_t base64_encode_avx2(const unsigned char*, std::size_t, unsigned char*) {
  return 0;
}
std::size_t base64_decode_avx2(const unsigned char*, std::size_t, unsigned char*) {
  return 0;
}

#endif

}  // namespace latchkey
