#include "base/utf8.hpp"

#include <algorithm>

namespace latchkey::utf8 {

namespace {

template <class Count>
void each_sequence(std::string_view text, Count count) {
  while (!text.empty()) {
    auto length = std::max<std::size_t>(sequence_length(text), 1);
    count(length);
    text.remove_prefix(length);
  }
}

}  // namespace

std::size_t code_points(std::string_view text) {
  std::size_t total = 0;
  each_sequence(text, [&](std::size_t) { ++total; });
  return total;
}

std::size_t utf16_units(std::string_view text) {
  // UTF-16 writes what is above U+FFFF, UTF-8's sequences of four bytes, as a surrogate pair.
  constexpr std::size_t kOfPairs = 4;
  std::size_t total = 0;
  each_sequence(text, [&](std::size_t length) { total += length == kOfPairs ? 2 : 1; });
  return total;
}

std::size_t sequence_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  auto tail = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  if (text.empty()) return 0;
  auto lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    return tail(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && tail(2) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    return tail(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace latchkey::utf8
