#include "base/clock.hpp"

#include <thread>

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
  // This test is newer than that date.
  EXPECT_GT(clock.now(), parse_timestamp("2024-01-01T00:00:00Z").value());
}

TEST(SystemClock, CountsAgesForwardAndTogether) {
  SystemClock clock;
  SystemClock other;
  auto before = clock.age_time();
  for (int i = 0; i < 1000; ++i) {
    auto now = other.age_time();
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_LT(before - AgeTime(), std::chrono::years(10)) << "not more than the time since boot and what the wall leapt";
}

// What a machine's two clocks show, and the age that follows from them, in milliseconds.
struct Moment {
  std::string_view what;
  int boot;
  int wall;
  int age;
};

class AgeCounterTest : public ::testing::Test {
 protected:
  static AgeCounter::Reading reading(int boot, int wall) {
    return {std::chrono::milliseconds(boot), std::chrono::milliseconds(wall)};
  }
  void follow(std::initializer_list<Moment> moments) {
    for (const auto& [what, boot, wall, age] : moments) {
      shown_ = reading(boot, wall);
      EXPECT_EQ(ages_.at(shown_), AgeTime(std::chrono::milliseconds(age))) << what;
      EXPECT_EQ(ages_.at(shown_), AgeTime(std::chrono::milliseconds(age))) << what << ", read again";
    }
  }
  AgeCounter::Reading shown_ = reading(1'000, 500'000);
  AgeCounter ages_{[this] { return shown_; }};
};

TEST_F(AgeCounterTest, AdvancesByTheLargerOfBothClocks) {
  follow({{"at first", 1'000, 500'000, 1'000},
          {"both go on", 2'000, 501'000, 2'000},
          {"suspended, as the guest knows", 602'000, 1'101'000, 602'000},
          {"paused by the host: the time since boot stood still", 602'000, 1'701'000, 1'202'000},
          {"both go on", 603'000, 1'702'000, 1'203'000},
          {"the wall leaps forward", 603'000, 9'000'000, 8'501'000},
          {"and is put right", 604'000, 1'703'000, 8'502'000},
          {"and both go on", 605'000, 1'704'000, 8'503'000},
          {"paused again", 605'000, 1'804'000, 8'603'000}});
}

TEST_F(AgeCounterTest, AWallClockThatWasSetBackHidesNoPause) {
  follow({{"the wall leaps back", 1'000, 100, 1'000},
          {"both go on", 2'000, 1'100, 2'000},
          {"paused for less than the leap", 2'000, 101'100, 102'000},
          {"and back again", 3'000, 2'100, 103'000}});
}

TEST_F(AgeCounterTest, CountsNoJitterAndMissesNoSlewing) {
  // The two reads are up to 49 ms apart, either way, again and again.
  for (int i = 1; i <= 1'000; ++i) {
    auto now = reading(1'000 + i, 500'000 + i + (i % 2 == 0 ? 49 : -49));
    EXPECT_EQ(ages_.at(now), AgeTime(std::chrono::milliseconds(1'000 + i)));
  }
  // A wall clock that is slewed by a thousandth gains a second in 1,000 s, and so does the age.
  for (int i = 0; i <= 1'000; ++i) {
    shown_ = reading(2'000 + i * 1'000, 501'000 + i * 1'001);
    auto age = ages_.at(shown_) - AgeTime(shown_.since_boot);
    EXPECT_LE(age, std::chrono::milliseconds(i));
    EXPECT_GT(age, std::chrono::milliseconds(i) - AgeCounter::kTolerance);
  }
}

// A thread that the scheduler paused between the two clocks reads them again before it counts anything.
TEST_F(AgeCounterTest, AThreadThatWaitedBetweenTheClocksIsNoLeap) {
  shown_ = reading(2'000, 501'000);
  EXPECT_EQ(ages_.at(reading(2'000, 501'900)), AgeTime(std::chrono::milliseconds(2'000)));
  EXPECT_EQ(ages_.at(reading(2'900, 501'000)), AgeTime(std::chrono::milliseconds(2'000)));
  EXPECT_EQ(ages_.at(reading(3'000, 502'000)), AgeTime(std::chrono::milliseconds(3'000)));
}

TEST_F(AgeCounterTest, ThreadsThatMeetALeapTogetherCountItOnce) {
  shown_ = reading(1'000, 1'500'000);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1'000; ++j) {
        EXPECT_EQ(ages_.at(reading(1'000, 1'500'000)), AgeTime(std::chrono::milliseconds(1'001'000)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(ManualClock, SaysThatTheMachineSleptAndThatTheWallLeapt) {
  ManualClock clock(parse_timestamp("2024-10-30T23:58:27Z").value());
  auto steady = clock.steady();
  auto age = clock.age_time();
  auto wall = clock.now();
  clock.sleep(std::chrono::hours(2));
  EXPECT_EQ(clock.steady(), steady);
  EXPECT_EQ(clock.age_time() - age, std::chrono::hours(2));
  EXPECT_EQ(clock.now() - wall, std::chrono::hours(2));
  clock.leap_wall(std::chrono::hours(3));
  EXPECT_EQ(clock.steady(), steady);
  EXPECT_EQ(clock.age_time() - age, std::chrono::hours(5));
  clock.leap_wall(-std::chrono::hours(5));
  EXPECT_EQ(clock.now(), wall);
  EXPECT_EQ(clock.age_time() - age, std::chrono::hours(5));
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(clock.steady() - steady, std::chrono::hours(1));
  EXPECT_EQ(clock.age_time() - age, std::chrono::hours(6));
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
