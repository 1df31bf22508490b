#include "base/encoding.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/base64_avx2.hpp"

namespace latchkey {

namespace {

constexpr std::string_view kBase58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view kHex = "0123456789abcdef";

constexpr std::array<std::int8_t, 256> reverse(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr auto kFromBase58 = reverse(kBase58);

// OpenSSL counts in int. It encodes and decodes so much at once.
constexpr std::size_t kBytesAtOnce = std::size_t{3} << 20;
constexpr std::size_t kCharactersAtOnce = std::size_t{4} << 20;

void append_encoded(std::string& text, ByteView bytes) {
  auto before = text.size();
  // OpenSSL writes a zero byte behind the text, too, where a string has one.
  text.resize(before + (bytes.size() + 2) / 3 * 4);
  auto* out = reinterpret_cast<unsigned char*>(text.data() + before);
  if (has_base64_avx2()) {
    auto done = base64_encode_avx2(bytes.data(), bytes.size(), out);
    bytes = bytes.subspan(done);
    out += done / 3 * 4;
  }
  while (!bytes.empty()) {
    auto part = bytes.first(std::min(bytes.size(), kBytesAtOnce));
    out += EVP_EncodeBlock(out, part.data(), static_cast<int>(part.size()));
    bytes = bytes.subspan(part.size());
  }
}

std::size_t padding_of(std::string_view text) {
  return text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
}

// `name` is what the text should be. What was decoded of a text that is refused is wiped: it may be part of a secret.
Result<Bytes> decode(std::string_view text, std::string_view name) {
  Bytes bytes(text.size() / 4 * 3);
  if (!base64_decode_to(text, bytes)) {
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return Error{ErrorCode::Invalid, fmt::format("the text is not {}", name)};
  }
  bytes.resize(bytes.size() - padding_of(text));
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void append_base64(std::string& out, ByteView bytes) {
  append_encoded(out, bytes);
}

std::string base64_encode(ByteView bytes) {
  std::string text;
  append_encoded(text, bytes);
  return text;
}

std::optional<std::size_t> base64_decoded_size(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  return text.size() / 4 * 3 - padding_of(text);
}

// OpenSSL refuses foreign characters, but passes over white space at the ends, and takes any '=' for an 'A': the first
// shows in the length, the second in what the padding stands for.
bool base64_decode_to(std::string_view text, MutableBytes out) {
  auto padding = padding_of(text);
  bool is_shaped = text.size() % 4 == 0 && out.size() >= text.size() / 4 * 3 &&
                   text.substr(0, text.size() - padding).find('=') == std::string_view::npos;
  if (!is_shaped) return false;
  auto* to = out.data();
  if (has_base64_avx2()) {
    auto done = base64_decode_avx2(reinterpret_cast<const unsigned char*>(text.data()), text.size(), to);
    text.remove_prefix(done);
    to += done / 4 * 3;
  }
  while (!text.empty()) {
    auto part = text.substr(0, kCharactersAtOnce);
    auto wanted = static_cast<int>(part.size() / 4 * 3);
    const auto* from = reinterpret_cast<const unsigned char*>(part.data());
    if (EVP_DecodeBlock(to, from, static_cast<int>(part.size())) != wanted) return false;
    to += wanted;
    text.remove_prefix(part.size());
  }
  return std::all_of(to - padding, to, [](std::uint8_t byte) { return byte == 0; });
}

Result<Bytes> base64_decode(std::string_view text) {
  return decode(text, "base64 (RFC 4648, with padding)");
}

std::string base64url_encode(ByteView bytes) {
  auto text = base64_encode(bytes);
  text.resize((bytes.size() * 4 + 2) / 3);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

Result<Bytes> base64url_decode(std::string_view text) {
  constexpr std::string_view kName = "base64url without padding";
  if (text.find_first_of("+/=") != std::string_view::npos) {
    return Error{ErrorCode::Invalid, fmt::format("the text is not {}", kName)};
  }
  std::string padded((text.size() + 3) / 4 * 4, '=');
  std::ranges::copy(text, padded.begin());
  std::ranges::replace(padded, '-', '+');
  std::ranges::replace(padded, '_', '/');
  auto bytes = decode(padded, kName);
  OPENSSL_cleanse(padded.data(), padded.size());
  return bytes;
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
void append_base58_128(std::string& out, const std::array<std::uint8_t, 16>& value) {
  constexpr std::uint64_t kFiveDigits = 58UL * 58 * 58 * 58 * 58;
  static_assert(kFiveDigits <= std::numeric_limits<std::uint32_t>::max());
  std::array<std::uint32_t, 4> number{};  // big-endian, as `value`
  for (std::size_t i = 0; i < value.size(); ++i) number[i / 4] = number[i / 4] << 8 | value[i];
  std::array<char, kBase58Of128Size> text;
  for (std::size_t left = text.size(); left > 0;) {
    std::uint64_t remainder = 0;
    for (auto& word : number) {
      auto dividend = remainder << 32 | word;
      word = static_cast<std::uint32_t>(dividend / kFiveDigits);
      remainder = dividend % kFiveDigits;
    }
    for (int i = 0; i < 5 && left > 0; ++i, remainder /= 58) text[--left] = kBase58[remainder % 58];
  }
  out.append(text.data(), text.size());
}

std::string base58_encode_128(const std::array<std::uint8_t, 16>& value) {
  std::string text;
  append_base58_128(text, value);
  return text;
}

Result<std::array<std::uint8_t, 16>> base58_decode_128(std::string_view text) {
  auto refuse = [] { return Error{ErrorCode::Invalid, "the text is not 22 base58 characters of 16 bytes"}; };
  if (text.size() != kBase58Of128Size) return refuse();
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
