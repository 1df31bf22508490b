#include "terminal/terminal_text.hpp"

#include <algorithm>
#include <array>

#include "base/json_fields.hpp"

namespace latchkey::terminal {

namespace {

constexpr std::array<std::string_view, 7> kStyles{"\x1b[0m",  "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                                  "\x1b[32m", "\x1b[33m", "\x1b[36m"};

// The length of the part at the front of `text` that stays as it is: a line feed, a tab or a style; 0 where there is
// none.
std::size_t kept_length(std::string_view text) {
  if (text.front() == '\n' || text.front() == '\t') return 1;
  const auto* style = std::ranges::find_if(kStyles, [&](auto candidate) { return text.starts_with(candidate); });
  return style == kStyles.end() ? 0 : style->size();
}

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    auto kept = kept_length(text);
    clean += text.substr(0, kept);
    text.remove_prefix(kept);
    // From the second character on: what is not kept is no beginning of what is.
    auto end = kept > 0 ? 0 : std::min(text.find_first_of("\n\t\x1b", 1), text.size());
    clean += terminal_line(text.substr(0, end));
    text.remove_prefix(end);
  }
  return clean;
}

std::string terminal_line(std::string_view text) {
  return json_fields::clean_text(text, std::string_view::npos);
}

}  // namespace latchkey::terminal
