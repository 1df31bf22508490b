#include "envelope/context.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace latchkey::envelope {

namespace {

constexpr std::size_t kLengthSize = 4;

// Well-formed UTF-8 (Unicode 15 table 3-7) has no overlong forms, no surrogates, and nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = lead < 0x80                   ? 1
                         : lead >= 0xc2 && lead < 0xe0 ? 2
                         : lead >= 0xe0 && lead < 0xf0 ? 3
                         : lead >= 0xf0 && lead < 0xf5 ? 4
                                                       : 0;
    if (length == 0 || text.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      auto next = static_cast<unsigned char>(text[i + k]);
      unsigned char low = 0x80;
      unsigned char high = 0xbf;
      if (k == 1) {
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
      }
      if (next < low || next > high) return false;
    }
    i += length;
  }
  return true;
}

void append(Bytes& out, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(text.size() >> shift));
  out.insert(out.end(), text.begin(), text.end());
}

}  // namespace

Result<CanonicalContext> canonicalize(const Context& context) {
  std::vector<ContextPair> pairs(context.begin(), context.end());
  return canonicalize_pairs(pairs);
}

Result<CanonicalContext> canonicalize_pairs(std::span<ContextPair> pairs) {
  // Texts compare by their bytes, as unsigned.
  std::ranges::sort(pairs);
  std::size_t size = 0;
  for (const auto& [key, value] : pairs) {
    size += 2 * kLengthSize + key.size() + value.size();
    if (size > kMaxContextSize) {
      return Error{ErrorCode::Invalid, fmt::format("the context has more than {} bytes", kMaxContextSize)};
    }
    if (!is_utf8(key) || !is_utf8(value)) return Error{ErrorCode::Invalid, "the context is not UTF-8"};
  }
  bool is_twice = std::ranges::adjacent_find(pairs, {}, &ContextPair::first) != pairs.end();
  if (is_twice) return Error{ErrorCode::Invalid, "the context has a key twice"};
  Bytes out;
  out.reserve(size);
  for (const auto& [key, value] : pairs) {
    append(out, key);
    append(out, value);
  }
  return CanonicalContext(std::move(out));
}

}  // namespace latchkey::envelope
