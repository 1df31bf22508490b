// Text encodings of bytes. Decoders are strict: each value has exactly one text, and any other text is Invalid. Pure
// functions; safe from any thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey {

// RFC 4648 section 4, with padding; decoding refuses white space, missing padding and non-zero trailing bits.
[[nodiscard]] std::string base64_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> base64_decode(std::string_view text);

// RFC 4648 section 5 without padding, as JOSE (RFC 7515 section 2) and Key Vault use it.
[[nodiscard]] std::string base64url_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> base64url_decode(std::string_view text);

// Lower case; decoding takes both cases.
[[nodiscard]] std::string hex_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> hex_decode(std::string_view text);

// 16 bytes as exactly 22 characters of the Bitcoin base58 alphabet, big-endian, padded with '1'.
[[nodiscard]] std::string base58_encode_128(const std::array<std::uint8_t, 16>& value);
// Invalid on another length, a foreign character, or a number above 2^128 - 1.
[[nodiscard]] Result<std::array<std::uint8_t, 16>> base58_decode_128(std::string_view text);

// RFC 3986 percent-encoding of everything but the unreserved characters.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace latchkey
