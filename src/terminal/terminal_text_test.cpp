#include "terminal/terminal_text.hpp"

#include <gtest/gtest.h>

namespace latchkey::terminal {
namespace {

TEST(TerminalTextTest, KeepsWordsLinesAndStyles) {
  for (std::string_view text : {"", "plain", "Ünïcode 漢字 ✓", "one\n\ttwo\n", "\x1b[32mgood\x1b[0m\n", "\x1b[0m"}) {
    EXPECT_EQ(terminal_text(text), text);
  }
}

TEST(TerminalTextTest, ReplacesWhatMovesATerminal) {
  struct Case {
    std::string_view text;
    std::string_view shown;
  };
  for (const auto& [text, shown] : std::initializer_list<Case>{
           {"\x1b[2J", "\xef\xbf\xbd[2J"},
           {"a\rb\bc\x7f",
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c\xef\xbf\xbd"},
           {"\x1b]0;title\a", "\xef\xbf\xbd]0;title\xef\xbf\xbd"},
           // Eight-bit control characters, as UTF-8 and as a byte of their own.
           {"\xc2\x9b"
            "31m\xc2\x85",
            "\xef\xbf\xbd"
            "31m\xef\xbf\xbd"},
           {"\x9b"
            "31m",
            "\xef\xbf\xbd"
            "31m"},
           // Hidden text, and a style that does not end.
           {"\x1b[8mhidden", "\xef\xbf\xbd[8mhidden"},
           {"\x1b[3", "\xef\xbf\xbd[3"},
           {"\x1b\x1b[0m", "\xef\xbf\xbd\x1b[0m"},
       }) {
    EXPECT_EQ(terminal_text(text), shown);
  }
  EXPECT_EQ(terminal_line("a\nb\tc"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_EQ(terminal_line("\x1b[31mred"), "\xef\xbf\xbd[31mred");
}

}  // namespace
}  // namespace latchkey::terminal
