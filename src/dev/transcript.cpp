#include "dev/transcript.hpp"

#include <iostream>

#include <fmt/format.h>

#include "terminal/style.hpp"

namespace latchkey::dev {

using terminal::Style;
using terminal::styled;

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  for (char c : text) {
    if (c == '\r') continue;
    line += c == '\n' ? ' ' : c;
    if (line.size() >= limit) return line + "...";
  }
  return line;
}

void Transcript::step(std::string_view number, std::string_view title, std::string_view why) {
  std::cout << '\n' << styled(Style::Bold, fmt::format("{:>2}  {}", number, title)) << '\n';
  if (!why.empty()) std::cout << "    " << styled(Style::Dim, why) << '\n';
  std::cout << std::flush;
}

void Transcript::call(std::string_view method, std::string_view url, std::string_view body) {
  std::cout << "    " << styled(Style::Accent, method) << ' ' << url;
  if (!body.empty()) std::cout << ' ' << styled(Style::Dim, one_line(body, 220));
  std::cout << '\n' << std::flush;
}

void Transcript::response(unsigned status, std::string_view what) {
  auto style = status < 400 ? Style::Good : Style::Bad;
  std::cout << "      " << styled(style, fmt::format("{}", status)) << "  " << what << '\n' << std::flush;
}

void Transcript::refusal(unsigned status, std::string_view what) {
  std::cout << "      " << styled(Style::Warn, fmt::format("{}", status)) << "  " << what << '\n' << std::flush;
}

void Transcript::check(bool good, std::string_view what) {
  std::cout << "      " << (good ? styled(Style::Good, "✓") : styled(Style::Bad, "✗")) << "  " << what << '\n'
            << std::flush;
}

void Transcript::note(std::string_view text) {
  std::cout << "      " << text << '\n' << std::flush;
}

}  // namespace latchkey::dev
