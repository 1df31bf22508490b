#include "base/utf8.hpp"

#include <string>

#include <gtest/gtest.h>

namespace latchkey::utf8 {
namespace {

std::string times(std::size_t count, std::string_view piece) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

TEST(Utf8, CountsInEachUnit) {
  struct Case {
    const char* what;
    std::string text;
    std::size_t code_points;
    std::size_t utf16_units;
  };
  const Case cases[] = {
      {"nothing", "", 0, 0},
      {"ASCII", "vault", 5, 5},
      {"two bytes each", times(256, "\u00e9"), 256, 256},
      {"three bytes each", times(200, "\u6f22"), 200, 200},
      {"above U+FFFF", times(128, "\U0001F511"), 128, 256},
      {"a flag of two", "\U0001F1E9\U0001F1EA", 2, 4},
      {"a letter and its combining accent", "e\u0301", 2, 2},
      {"the last of the plane", "\uffff", 1, 1},
      {"cut short", "a\xe6\xbc", 3, 3},
      {"a lone continuation", "\x80z", 2, 2},
      {"an overlong slash", "\xc0\xaf", 2, 2},
      {"a surrogate", "\xed\xa0\x80", 3, 3},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(code_points(c.text), c.code_points) << c.what;
    EXPECT_EQ(utf16_units(c.text), c.utf16_units) << c.what;
  }
}

TEST(Utf8, FindsTheSequenceAtTheFront) {
  EXPECT_EQ(sequence_length(""), 0U);
  EXPECT_EQ(sequence_length(std::string_view("\0", 1)), 1U);
  EXPECT_EQ(sequence_length("\u6f22z"), 3U);
  EXPECT_EQ(sequence_length("\U0010ffff"), 4U);
  for (auto bad :
       {"\x80", "\xc1\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "\xf0\x9f\x94"}) {
    EXPECT_EQ(sequence_length(bad), 0U);
  }
}

}  // namespace
}  // namespace latchkey::utf8
