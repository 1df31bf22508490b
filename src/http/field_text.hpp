// Says what a header field may contain, so that no text can become a second header. Internal to http/.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace latchkey::http {

// The characters of a token (RFC 9110 section 5.6.2).
inline constexpr auto kIsOfToken = [] {
  std::array<bool, 256> is_of{};
  for (unsigned char c : std::string_view("!#$%&'*+-.^_`|~")) is_of[c] = true;
  for (unsigned c = 0; c < is_of.size(); ++c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) is_of[c] = true;
  }
  return is_of;
}();

[[nodiscard]] inline bool is_field_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return kIsOfToken[c]; });
}

// RFC 9110 section 5.5: CR, LF and NUL are the dangerous ones.
[[nodiscard]] inline bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace latchkey::http
