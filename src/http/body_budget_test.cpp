#include "http/body_budget.hpp"

#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

constexpr std::size_t kMiB = std::size_t{1024} * 1024;

class BodyBudgetTest : public ::testing::Test {
 protected:
  using Outcome = std::optional<std::optional<BodyBudget::Share>>;

  boost::asio::io_context context;
  std::shared_ptr<BodyBudget> budget = BodyBudget::create({.total = 8 * kMiB, .timeout = std::chrono::hours(1)});
  std::list<Outcome> results;

  // The outer optional is empty until take() has returned.
  Outcome& ask(char group, std::size_t bytes) {
    auto& result = results.emplace_back();
    auto take = [](BodyBudget& of, Uuid whose, std::size_t much, Outcome& into) -> Task<void> {
      auto share = co_await of.take(whose, much);
      into = std::move(share);
    };
    boost::asio::co_spawn(context, take(*budget, Uuid{static_cast<std::uint8_t>(group)}, bytes, result),
                          boost::asio::detached);
    settle();
    return result;
  }
  void settle() {
    context.restart();
    context.poll();
  }
};

TEST_F(BodyBudgetTest, GivesBackWhatWasHeld) {
  auto& first = ask('a', 4 * kMiB);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ(budget->held(), 4 * kMiB);
  auto moved = std::move(**first);
  first.reset();
  EXPECT_EQ(budget->held(), 4 * kMiB) << "moved, not given back";
  moved = BodyBudget::Share();
  { auto gone = std::move(moved); }
  EXPECT_EQ(budget->held(), 0U);
}

TEST_F(BodyBudgetTest, AGroupGetsAHalfAndTheOthersTheRest) {
  auto& first = ask('a', 3 * kMiB);
  auto& second = ask('a', 2 * kMiB);
  EXPECT_TRUE(first);
  EXPECT_FALSE(second) << "it waits for its own";
  auto& other = ask('b', 4 * kMiB);
  EXPECT_TRUE(other && *other) << "nobody waits for another group's room";
  first.reset();
  settle();
  EXPECT_TRUE(second && *second);
}

TEST_F(BodyBudgetTest, WhoWaitsIsServedInOrder) {
  auto& first = ask('a', 4 * kMiB);
  ask('b', 4 * kMiB);
  auto& large = ask('c', 4 * kMiB);
  auto& little = ask('d', kMiB);
  EXPECT_FALSE(large);
  EXPECT_FALSE(little) << "a little one does not overtake a large one for ever";
  first.reset();
  settle();
  EXPECT_TRUE(large && *large);
  EXPECT_FALSE(little);
  large.reset();
  settle();
  EXPECT_TRUE(little && *little);
}

TEST_F(BodyBudgetTest, AWaitEnds) {
  budget = BodyBudget::create({.total = 2 * kMiB, .timeout = std::chrono::milliseconds(0)});
  auto& first = ask('a', kMiB);
  ASSERT_TRUE(first && *first);
  auto& second = ask('a', kMiB);
  context.restart();
  context.run();
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);
  first.reset();
  EXPECT_EQ(budget->held(), 0U);
  EXPECT_TRUE(*ask('a', kMiB)) << "a waiter that gave up blocks nobody";
}

TEST_F(BodyBudgetTest, LittleOnesAreNotCountedAndHugeOnesAreAllThatAGroupMayHave) {
  std::vector<Outcome*> little;
  for (int i = 0; i < 2000; ++i) little.push_back(&ask('a', 16 * 1024));
  EXPECT_EQ(budget->held(), 0U);
  auto& huge = ask('a', 100 * kMiB);
  ASSERT_TRUE(huge && *huge);
  EXPECT_EQ(budget->held(), 4 * kMiB);
}

}  // namespace
}  // namespace latchkey::http
