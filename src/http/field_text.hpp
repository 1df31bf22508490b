// Says what a header field may contain, so that no text can become a second header. Internal to http/.
#pragma once

#include <algorithm>
#include <string_view>

namespace latchkey::http {

// A token of RFC 9110 section 5.6.2.
[[nodiscard]] inline bool is_field_name(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// RFC 9110 section 5.5: CR, LF and NUL are the dangerous ones.
[[nodiscard]] inline bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace latchkey::http
