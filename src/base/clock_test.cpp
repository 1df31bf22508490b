#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace latchkey {
namespace {

TEST(Timestamps, RoundTripInTheOneFormThatIsStored) {
  for (std::string_view text : {"2024-10-30T23:58:27.427722Z", "1970-01-01T00:00:00.000000Z",
                                "2000-02-29T12:00:00.000001Z", "9999-12-31T23:59:59.999999Z"}) {
    auto time = parse_timestamp(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_timestamp(time.value()), text);
  }
}

TEST(Timestamps, TakesWhatRfc3339Allows) {
  struct Case {
    std::string_view text;
    std::string_view same;
  };
  for (const auto& [text, same] : std::initializer_list<Case>{
           {"2024-10-30T23:58:27Z", "2024-10-30T23:58:27.000000Z"},
           {"2024-10-30t23:58:27z", "2024-10-30T23:58:27.000000Z"},
           {"2024-10-30T23:58:27.5Z", "2024-10-30T23:58:27.500000Z"},
           {"2024-10-31T01:58:27+02:00", "2024-10-30T23:58:27.000000Z"},
           {"2024-10-30T18:28:27.25-05:30", "2024-10-30T23:58:27.250000Z"},
           {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
           {"2024-10-30T23:58:27.1234567Z", "2024-10-30T23:58:27.123456Z"},
           {"2024-10-30t23:58:27.123456789z", "2024-10-30T23:58:27.123456Z"},
           {"2024-10-30T23:58:27.999999999999Z", "2024-10-30T23:58:27.999999Z"},
           {"2024-10-31T01:58:27.0000001+02:00", "2024-10-30T23:58:27.000000Z"},
           {"2024-10-30T23:58:27.12345678901234567890Z", "2024-10-30T23:58:27.123456Z"},
           {"2024-10-30T23:58:27-00:00", "2024-10-30T23:58:27.000000Z"},
       }) {
    auto time = parse_timestamp(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_timestamp(time.value()), same);
  }
}

TEST(Timestamps, RefusesTheRest) {
  for (std::string_view text : {"",
                                "2024-10-30",
                                "2024-10-30T23:58:27",
                                "2024-10-30 23:58:27Z",
                                "2024-13-01T00:00:00Z",
                                "2023-02-29T00:00:00Z",
                                "2024-10-30T24:00:00Z",
                                "2024-10-30T23:60:00Z",
                                "2024-10-30T23:58:61Z",
                                "2024-10-30T23:58:27.Z",
                                "2024-10-30T23:58:27.1234567",
                                "2024-10-30T23:58:27.123456x9Z",
                                "2024-10-30T23:58:27,5Z",
                                "2024-10-30T23:58:27+0200",
                                "2024-10-30T23:58:27+24:00",
                                "-024-10-30T23:58:27Z",
                                "2024-10-30T23:58:27ZZ",
                                "2024-1a-30T23:58:27Z",
                                "2024-10-30T23:58:27.00000000000000000000000000000000000000000000Z",
                                "9999-12-31T23:59:59-00:01",
                                "9999-12-31T23:59:60Z",
                                "0000-01-01T00:00:00+00:01"}) {
    auto time = parse_timestamp(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, ErrorCode::Invalid);
  }
}

TEST(SystemClock, GoesForward) {
  SystemClock clock;
  auto before = clock.steady();
  EXPECT_GE(clock.steady(), before);
  // A date that this test was written after: the wall clock is UTC in microseconds since 1970.
  EXPECT_GT(clock.now(), parse_timestamp("2024-01-01T00:00:00Z").value());
}

TEST(ManualClock, StandsStillUntilMoved) {
  ManualClock clock(parse_timestamp("2024-10-30T23:58:27Z").value());
  auto before = clock.steady();
  EXPECT_EQ(clock.steady(), before);
  clock.advance(std::chrono::seconds(90));
  EXPECT_EQ(clock.steady() - before, std::chrono::seconds(90));
  EXPECT_EQ(format_timestamp(clock.now()), "2024-10-30T23:59:57.000000Z");
}

}  // namespace
}  // namespace latchkey
