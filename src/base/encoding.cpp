#include "base/encoding.hpp"

#include <limits>

#include <fmt/format.h>

namespace latchkey {

namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kBase58Length = 22;

constexpr std::array<std::int8_t, 256> reverse(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr auto kFromBase64 = reverse(kBase64);
constexpr auto kFromBase64Url = reverse(kBase64Url);
constexpr auto kFromBase58 = reverse(kBase58);

std::string encode(ByteView bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    unsigned group = static_cast<unsigned>(bytes[i]) << 16 | static_cast<unsigned>(bytes[i + 1]) << 8 | bytes[i + 2];
    for (int shift : {18, 12, 6, 0}) text += alphabet[group >> shift & 63];
  }
  if (auto rest = bytes.size() - i; rest > 0) {
    unsigned group = static_cast<unsigned>(bytes[i]) << 16;
    if (rest == 2) group |= static_cast<unsigned>(bytes[i + 1]) << 8;
    text += alphabet[group >> 18 & 63];
    text += alphabet[group >> 12 & 63];
    if (rest == 2) text += alphabet[group >> 6 & 63];
  }
  return text;
}

// `text` comes without padding.
Result<Bytes> decode(std::string_view text, const std::array<std::int8_t, 256>& table, std::string_view name) {
  auto refuse = [&] { return Error{ErrorCode::Invalid, fmt::format("the text is not {}", name)}; };
  if (text.size() % 4 == 1) return refuse();
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  unsigned buffer = 0;
  unsigned bits = 0;
  for (char c : text) {
    auto value = table[static_cast<unsigned char>(c)];
    if (value < 0) return refuse();
    buffer = (buffer << 6 | static_cast<unsigned>(value)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(buffer >> bits));
    }
  }
  if ((buffer & ((1U << bits) - 1)) != 0) return refuse();
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string base64_encode(ByteView bytes) {
  auto text = encode(bytes, kBase64);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

Result<Bytes> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return Error{ErrorCode::Invalid, "the text is not base64 (RFC 4648, with padding)"};
  if (text.ends_with("==")) {
    text.remove_suffix(2);
  } else if (text.ends_with("=")) {
    text.remove_suffix(1);
  }
  return decode(text, kFromBase64, "base64 (RFC 4648, with padding)");
}

std::string base64url_encode(ByteView bytes) {
  return encode(bytes, kBase64Url);
}

Result<Bytes> base64url_decode(std::string_view text) {
  return decode(text, kFromBase64Url, "base64url without padding");
}

std::string hex_encode(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (auto byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

Result<Bytes> hex_decode(std::string_view text) {
  if (text.size() % 2 != 0) return Error{ErrorCode::Invalid, "the text is not hexadecimal: an odd number of digits"};
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int high = hex_value(text[i]);
    int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return Error{ErrorCode::Invalid, "the text is not hexadecimal"};
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

// Each division of the whole number, the costly part, yields five digits.
std::string base58_encode_128(const std::array<std::uint8_t, 16>& value) {
  constexpr std::uint64_t kFiveDigits = 58UL * 58 * 58 * 58 * 58;
  static_assert(kFiveDigits <= std::numeric_limits<std::uint32_t>::max());
  std::array<std::uint32_t, 4> number{};  // big-endian, as `value`
  for (std::size_t i = 0; i < value.size(); ++i) number[i / 4] = number[i / 4] << 8 | value[i];
  std::string text(kBase58Length, kBase58[0]);
  for (std::size_t left = text.size(); left > 0;) {
    std::uint64_t remainder = 0;
    for (auto& word : number) {
      auto dividend = remainder << 32 | word;
      word = static_cast<std::uint32_t>(dividend / kFiveDigits);
      remainder = dividend % kFiveDigits;
    }
    for (int i = 0; i < 5 && left > 0; ++i, remainder /= 58) text[--left] = kBase58[remainder % 58];
  }
  return text;
}

Result<std::array<std::uint8_t, 16>> base58_decode_128(std::string_view text) {
  auto refuse = [] { return Error{ErrorCode::Invalid, "the text is not 22 base58 characters of 16 bytes"}; };
  if (text.size() != kBase58Length) return refuse();
  std::array<std::uint8_t, 16> number{};
  for (char c : text) {
    auto digit = kFromBase58[static_cast<unsigned char>(c)];
    if (digit < 0) return refuse();
    unsigned carry = static_cast<unsigned char>(digit);
    for (std::size_t i = number.size(); i-- > 0;) {
      carry += number[i] * 58U;
      number[i] = static_cast<std::uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return refuse();
  }
  return number;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved = "-._~";
  std::string encoded;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 kUnreserved.find(c) != std::string_view::npos;
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", byte);
    }
  }
  return encoded;
}

}  // namespace latchkey
