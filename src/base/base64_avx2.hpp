// Base64 32 characters at a time, for processors with AVX2: ten times OpenSSL's speed, and without tables in memory
// that a secret decides the place in. Internal to base/.
#pragma once

#include <cstddef>

namespace latchkey {

// Whether the processor has what the functions below need.
[[nodiscard]] bool has_base64_avx2();

// Encode from the front as many bytes, whole groups of three, as they can, and return how many; the rest is for others.
// `out` has room for all of `size`.
[[nodiscard]] std::size_t base64_encode_avx2(const unsigned char* bytes, std::size_t size, unsigned char* out);
// The same for decoding characters, in groups of four. They stop before a group with a character that is not base64,
// and never take the last 12 characters. `out` has room for all of `size`.
[[nodiscard]] std::size_t base64_decode_avx2(const unsigned char* text, std::size_t size, unsigned char* out);

}  // namespace latchkey
