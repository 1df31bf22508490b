#include "base/duration.hpp"

#include <gtest/gtest.h>

namespace latchkey {
namespace {

using std::chrono::milliseconds;

TEST(ParseDuration, TakesUnitsAndNothingElse) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("10m").value(), milliseconds(600'000));
  EXPECT_EQ(parse_duration("2h").value(), milliseconds(7'200'000));
  for (std::string_view bad : {"", "10", "s", "-1s", "1.5s", "1 s", "10d", "99999999999h", "9223372036854775808ms"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

}  // namespace
}  // namespace latchkey
