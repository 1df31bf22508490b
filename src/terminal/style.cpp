#include "terminal/style.hpp"

#include <cstdlib>
#include <unistd.h>

#include <fmt/format.h>

namespace latchkey::terminal {

namespace {

bool use_colour() {
  static const bool kUse = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return kUse;
}

std::string_view escape(Style style) {
  switch (style) {
    case Style::Plain:
      return "";
    case Style::Bold:
      return "\x1b[1m";
    case Style::Dim:
      return "\x1b[2m";
    case Style::Good:
      return "\x1b[32m";
    case Style::Bad:
      return "\x1b[31m";
    case Style::Warn:
      return "\x1b[33m";
    case Style::Accent:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

std::string styled(Style style, std::string_view text) {
  if (!use_colour() || style == Style::Plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape(style), text);
}

}  // namespace latchkey::terminal
