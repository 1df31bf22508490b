#include "base/attempt_limiter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/matchers.hpp"

namespace latchkey {
namespace {

using latchkey::testing::IsErrorThatSays;

using namespace std::chrono_literals;

class AttemptLimiterTest : public ::testing::Test {
 protected:
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  AttemptLimiter limiter{clock, 3};
};

TEST_F(AttemptLimiterTest, OneOfAKeyAtATime) {
  auto first = limiter.begin("a");
  ASSERT_TRUE(first);
  auto second = limiter.begin("a");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::RateLimited);
  EXPECT_EQ(second.error().retry_after, 1s);
  EXPECT_TRUE(limiter.begin("b")) << "another key's";
  first.value().reset();
  EXPECT_TRUE(limiter.begin("a"));
}

TEST_F(AttemptLimiterTest, SoManyOfAKeyInAMinute) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.begin("a"));
  auto fourth = limiter.begin("a");
  ASSERT_FALSE(fourth);
  EXPECT_EQ(fourth.error().retry_after, 20s);
  clock.advance(19'999ms);
  EXPECT_FALSE(limiter.begin("a"));
  clock.advance(1ms);
  EXPECT_TRUE(limiter.begin("a"));
  EXPECT_FALSE(limiter.begin("a"));
}

TEST_F(AttemptLimiterTest, WhatIsFullAgainIsForgotten) {
  auto running = limiter.begin("running");
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.begin(std::to_string(i)));
  clock.advance(60s);
  EXPECT_TRUE(limiter.begin("last"));
  EXPECT_EQ(limiter.size(), 2U);
  EXPECT_FALSE(limiter.begin("running"));
}

TEST_F(AttemptLimiterTest, SaysWhatWasTried) {
  AttemptLimiter tests(clock, 1, {"Webhook endpoint", "tested"});
  {
    auto running = tests.begin("whep_1");
    EXPECT_THAT(tests.begin("whep_1"),
                IsErrorThatSays("Webhook endpoint whep_1 is being tested right now. Try again in 1 s."));
  }
  EXPECT_THAT(
      tests.begin("whep_1"),
      IsErrorThatSays("Webhook endpoint whep_1 was tested 1 times in the last minute already. Try again in 60 s."));
}

// A server that stopped destroys its parts before what still waits in its threads.
TEST_F(AttemptLimiterTest, APermitMayOutliveTheLimiter) {
  auto own = std::make_unique<AttemptLimiter>(clock, 1);
  auto running = own->begin("ekey_1");
  ASSERT_TRUE(running);
  own.reset();
  running = AttemptLimiter::Permit();
}

}  // namespace
}  // namespace latchkey
