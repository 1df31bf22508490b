#include "webhooks/retry_schedule.hpp"

#include <gtest/gtest.h>

namespace latchkey::webhooks {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class FixedRandom final : public RandomSource {
 public:
  explicit FixedRandom(std::uint8_t value) : value_(value) {}
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = value_;
  }

 private:
  std::uint8_t value_;
};

const Timestamp kMade = parse_timestamp("2026-08-10T08:00:00Z").value();

TEST(RetryScheduleTest, WaitsLongerEachTime) {
  FixedRandom least(0);
  FixedRandom most(255);
  struct Step {
    int attempts;
    milliseconds pause;
  };
  for (const auto& [attempts, pause] :
       {Step{1, seconds(5)}, Step{2, seconds(30)}, Step{3, minutes(2)}, Step{4, minutes(10)}, Step{5, minutes(30)},
        Step{6, hours(1)}, Step{7, hours(2)}, Step{8, hours(4)}, Step{9, hours(4)}, Step{1000, hours(4)}}) {
    auto now = kMade + minutes(1);
    EXPECT_EQ(next_attempt(kMade, attempts, now, {}, least), now + pause * 9 / 10) << attempts;
    EXPECT_EQ(next_attempt(kMade, attempts, now, {}, most), now + pause * 11 / 10) << attempts;
  }
}

TEST(RetryScheduleTest, TriesForADayAndAtItsEnd) {
  for (const std::uint8_t value : std::vector<std::uint8_t>{0, 100, 255}) {
    FixedRandom random(value);
    auto now = kMade;
    std::int64_t attempts = 1;
    while (auto next = next_attempt(kMade, attempts, now, {}, random)) {
      ASSERT_GT(*next, now);
      now = *next;
      ++attempts;
    }
    EXPECT_EQ(now, kMade + hours(24));
    EXPECT_GE(attempts, 12);
    EXPECT_LE(attempts, 15);
  }
}

TEST(RetryScheduleTest, HearsALaterWishWithinBounds) {
  FixedRandom random(0);
  EXPECT_EQ(next_attempt(kMade, 1, kMade, seconds(90), random), kMade + seconds(90));
  EXPECT_EQ(next_attempt(kMade, 4, kMade, seconds(1), random), kMade + minutes(9)) << "not an earlier one";
  EXPECT_EQ(next_attempt(kMade, 1, kMade, hours(1000), random), kMade + hours(4));
}

}  // namespace
}  // namespace latchkey::webhooks
