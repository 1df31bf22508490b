// Text encodings of bytes. Decoders are strict: each value has exactly one text, and any other text is Invalid. Pure
// functions; safe from any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey {

// RFC 4648 section 4, with padding; decoding refuses white space, missing padding and non-zero trailing bits.
void append_base64(std::string& out, ByteView bytes);
[[nodiscard]] std::string base64_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> base64_decode(std::string_view text);
// How many bytes a base64 text of this length and padding stands for; absent where no text of this length is base64.
[[nodiscard]] std::optional<std::size_t> base64_decoded_size(std::string_view text);
// Decodes to the beginning of `out`, which has room for text.size() / 4 * 3 bytes; false where the text is not base64.
[[nodiscard]] bool base64_decode_to(std::string_view text, MutableBytes out);

// RFC 4648 section 5 without padding, as JOSE (RFC 7515 section 2) and Key Vault use it.
[[nodiscard]] std::string base64url_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> base64url_decode(std::string_view text);

// Lower case; decoding takes both cases.
[[nodiscard]] std::string hex_encode(ByteView bytes);
[[nodiscard]] Result<Bytes> hex_decode(std::string_view text);

// 16 bytes as exactly 22 characters of the Bitcoin base58 alphabet, big-endian, padded with '1'.
inline constexpr std::size_t kBase58Of128Size = 22;
void append_base58_128(std::string& out, const std::array<std::uint8_t, 16>& value);
[[nodiscard]] std::string base58_encode_128(const std::array<std::uint8_t, 16>& value);
// Invalid on another length, a foreign character, or a number above 2^128 - 1.
[[nodiscard]] Result<std::array<std::uint8_t, 16>> base58_decode_128(std::string_view text);

// RFC 3986 percent-encoding of everything but the unreserved characters.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace latchkey
