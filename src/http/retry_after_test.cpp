#include "http/retry_after.hpp"

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

Timestamp at(std::string_view text) {
  return parse_timestamp(text).value();
}

const auto kWritten = std::chrono::floor<std::chrono::seconds>(at("1994-11-06T08:49:37Z"));

TEST(HttpDateTest, AllThreeFormsAreOneTime) {
  auto now = at("1994-11-06T08:49:00Z");
  for (std::string_view text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(text, now), kWritten) << text;
  }
}

TEST(HttpDateTest, TwoDigitsAreAtMostFiftyYearsAhead) {
  struct Case {
    std::string_view now;
    std::string_view text;
    std::string_view meant;
  };
  for (const auto& c : {Case{"2026-08-10T00:00:00Z", "Monday, 10-Aug-26 00:00:20 GMT", "2026-08-10T00:00:20Z"},
                        Case{"2026-08-10T00:00:00Z", "Monday, 10-Aug-76 00:00:20 GMT", "2076-08-10T00:00:20Z"},
                        Case{"2026-08-10T00:00:00Z", "Monday, 10-Aug-77 00:00:20 GMT", "1977-08-10T00:00:20Z"},
                        Case{"2026-08-10T00:00:00Z", "Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37Z"},
                        Case{"2070-01-01T00:00:00Z", "Wednesday, 01-Jan-70 00:00:00 GMT", "2070-01-01T00:00:00Z"}}) {
    EXPECT_EQ(parse_http_date(c.text, at(c.now)), std::chrono::floor<std::chrono::seconds>(at(c.meant))) << c.text;
  }
}

TEST(HttpDateTest, WhatIsNoDateIsNone) {
  auto now = at("1994-11-06T08:49:00Z");
  for (std::string_view text :
       {"", "nonsense", "120", "Sun, 06 Nov 1994 08:49:37 XYZ", "Sun, 06 Nov 1994 08:49:37 +0100",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:61:37 GMT", "06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT and more", "1994-11-06T08:49:37Z", "Sun Nov  6 08:49:37", "tomorrow",
        "Sun, 06 Nov 1994 08:49:37 GMTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"}) {
    EXPECT_EQ(parse_http_date(text, now), std::nullopt) << text;
  }
}

TEST(RetryAfterTest, IsHeardInSecondsAndAsADateWithinBounds) {
  auto now = at("1994-11-06T08:49:00Z");
  struct Case {
    std::string value;
    std::optional<milliseconds> wait;
  };
  for (const auto& c :
       {Case{"0", 0ms}, Case{"120", 120s}, Case{" 120 ", 120s}, Case{"7200", 1h}, Case{"99999999999999999999999", 1h},
        Case{"Sun, 06 Nov 1994 08:49:37 GMT", 37s}, Case{"Sunday, 06-Nov-94 08:49:37 GMT", 37s},
        Case{"Sun Nov  6 08:49:37 1994", 37s}, Case{"Sun, 06 Nov 1994 08:48:37 GMT", 0ms},
        Case{"Thu, 01 Jan 1970 00:00:00 GMT", 0ms}, Case{"Fri, 31 Dec 9999 23:59:59 GMT", 1h}, Case{"-1", std::nullopt},
        Case{"+1", std::nullopt}, Case{"1.5", std::nullopt}, Case{"1s", std::nullopt}, Case{"", std::nullopt}}) {
    EXPECT_EQ(retry_after({{"Retry-After", c.value}}, now, 1h), c.wait) << c.value;
  }
  EXPECT_EQ(retry_after({}, now, 1h), std::nullopt);
  EXPECT_EQ(retry_after({{"retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"}}, now + 100us, 1h), 37s)
      << "rounded up: not before the time that was asked for";
}

TEST(RetryAfterTest, IsToldInWholeSeconds) {
  EXPECT_EQ(wait_note(19'001ms), " (it asks to wait 20 s)");
  EXPECT_EQ(wait_note(0ms), "");
  EXPECT_EQ(wait_note(std::nullopt), "");
}

}  // namespace
}  // namespace latchkey::http
