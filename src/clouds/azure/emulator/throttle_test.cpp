#include "clouds/azure/emulator/throttle.hpp"

#include <gtest/gtest.h>

namespace latchkey::clouds::azure::emulator {
namespace {

constexpr Timestamp kStart{std::chrono::seconds(1'780'000'000)};
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Throttle, EachKindHasItsPublishedLimit) {
  struct Case {
    Charge charge;
    unsigned calls;
  };
  for (const auto& c : {Case{{false, false, 1}, 4000}, Case{{false, false, 4}, 1000}, Case{{false, false, 8}, 500},
                        Case{{false, true, 1}, 2000}, Case{{false, true, 4}, 500}, Case{{false, true, 8}, 250},
                        Case{{true, false, 1}, 20}, Case{{true, true, 1}, 10}}) {
    Throttle throttle{ThrottleLimits{}};
    for (unsigned i = 0; i < c.calls; ++i) ASSERT_FALSE(throttle.charge("v", "s", c.charge, kStart)) << i;
    EXPECT_EQ(throttle.charge("v", "s", c.charge, kStart), 10U);
    EXPECT_FALSE(throttle.charge("v2", "s", c.charge, kStart)) << "another vault has its own";
  }
}

TEST(Throttle, SizesShareOneBudgetAndKindsDoNot) {
  Throttle throttle{ThrottleLimits{}};
  EXPECT_FALSE(throttle.charge("v", "s", {false, false, 3996}, kStart));
  EXPECT_TRUE(throttle.charge("v", "s", {false, false, 8}, kStart));
  EXPECT_FALSE(throttle.charge("v", "s", {false, false, 4}, kStart)) << "what was refused does not count";
  EXPECT_TRUE(throttle.charge("v", "s", {false, false, 1}, kStart));
  EXPECT_FALSE(throttle.charge("v", "s", {false, true, 8}, kStart));
  EXPECT_FALSE(throttle.charge("v", "s", {true, false, 1}, kStart));
}

TEST(Throttle, AWindowLastsTenSecondsFromItsFirstCall) {
  ThrottleLimits limits;
  limits.software = 1;
  Throttle throttle(limits);
  EXPECT_FALSE(throttle.charge("v", "s", {}, kStart));
  EXPECT_EQ(throttle.charge("v", "s", {}, kStart + milliseconds(3100)), 7U);
  EXPECT_EQ(throttle.charge("v", "s", {}, kStart + milliseconds(9999)), 1U);
  EXPECT_FALSE(throttle.charge("v", "s", {}, kStart + seconds(10)));
  EXPECT_TRUE(throttle.charge("v", "s", {}, kStart + seconds(19)));
  EXPECT_FALSE(throttle.charge("v", "s", {}, kStart)) << "the clock was set back";
}

TEST(Throttle, TheSubscriptionHasFiveVaultsWorth) {
  ThrottleLimits limits;
  limits.software = 2;
  Throttle throttle(limits);
  for (auto vault : {"a", "b", "c", "d", "e"}) EXPECT_FALSE(throttle.charge(vault, "s", {false, false, 2}, kStart));
  EXPECT_TRUE(throttle.charge("f", "s", {}, kStart));
  EXPECT_FALSE(throttle.charge("f", "other", {}, kStart));
}

TEST(Throttle, CanBeTurnedOff) {
  ThrottleLimits limits;
  limits.enabled = false;
  limits.software = 0;
  Throttle throttle(limits);
  EXPECT_FALSE(throttle.charge("v", "s", {false, false, 1000}, kStart));
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
