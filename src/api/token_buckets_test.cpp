#include "api/token_buckets.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;

struct TokenBucketsTest : ::testing::Test {
  TokenBuckets buckets{{.requests = 3, .window = 60s}};
  SteadyTime now{1h};

  Taken take(std::string_view name = "a") { return buckets.take(name, now); }
};

TEST_F(TokenBucketsTest, AWholeWindowsAtOnceThenOneAtATime) {
  for (std::uint32_t left : {2U, 1U, 0U}) {
    auto taken = take();
    EXPECT_TRUE(taken.allowed);
    EXPECT_EQ(taken.limit, 3U);
    EXPECT_EQ(taken.remaining, left);
    EXPECT_EQ(taken.until_full, (3 - left) * 20s);
    EXPECT_EQ(taken.until_next, 0s);
  }
  for (int again = 0; again < 2; ++again) {
    auto refused = take();
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(refused.remaining, 0U);
    EXPECT_EQ(refused.until_next, 20s) << "a refusal takes nothing";
    EXPECT_EQ(refused.until_full, 60s);
  }
  now += 20s - 1ns;
  EXPECT_EQ(take().until_next, 1ns);
  now += 1ns;
  EXPECT_TRUE(take().allowed);
  EXPECT_FALSE(take().allowed);
  now += 10min;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take().allowed);
  EXPECT_FALSE(take().allowed) << "no more than a window's is saved up";
}

TEST_F(TokenBucketsTest, EachNameHasItsOwn) {
  while (take("a").allowed) {
  }
  EXPECT_TRUE(take("b").allowed);
  EXPECT_TRUE(take("").allowed);
  EXPECT_FALSE(take("a").allowed);
}

TEST_F(TokenBucketsTest, WhatIsFullAgainIsForgotten) {
  constexpr std::size_t kBound = 64 * 64 + 64;
  std::size_t most = 0;
  for (int i = 0; i < 200'000; ++i) {
    EXPECT_TRUE(take(std::to_string(i)).allowed);
    now += 30s;
    if (i % 1000 == 0) most = std::max(most, buckets.size());
  }
  EXPECT_LE(most, kBound);
}

TEST_F(TokenBucketsTest, WhatIsNotFullIsKept) {
  while (take("a").allowed) {
  }
  for (int i = 0; i < 20'000; ++i) EXPECT_TRUE(take(std::to_string(i)).allowed);
  EXPECT_FALSE(take("a").allowed);
}

TEST_F(TokenBucketsTest, LookingTakesNothing) {
  auto until_next = [&] { return buckets.until_next("a", now); };
  EXPECT_EQ(until_next(), std::chrono::nanoseconds(0)) << "of a name that is not known";
  auto taken = take("a");
  for (; taken.allowed; taken = take("a")) EXPECT_EQ(until_next() > std::chrono::nanoseconds(0), taken.remaining == 0);
  EXPECT_EQ(until_next(), taken.until_next);
  now += taken.until_next;
  EXPECT_EQ(until_next(), std::chrono::nanoseconds(0));
  EXPECT_TRUE(take("a").allowed);
}

// New names do not fill an empty bucket again by having it forgotten.
TEST(TokenBucketsOfSoManyNamesTest, ForgetThoseThatAreNearestToFull) {
  constexpr std::size_t kMost = 640;
  TokenBuckets buckets({.requests = 3, .window = 1min}, kMost);
  SteadyTime now(1h);
  while (buckets.take("empty", now).allowed) {
  }
  for (int i = 0; i < 20'000; ++i) EXPECT_TRUE(buckets.take(std::to_string(i), now).allowed);
  EXPECT_LE(buckets.size(), kMost);
  EXPECT_FALSE(buckets.take("empty", now).allowed);
}

TEST(TokenBucketsInThreadsTest, NeverGiveMoreThanThereIs) {
  TokenBuckets buckets({.requests = 10'000, .window = 1h});
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) allowed += buckets.take("one", SteadyTime(1h)).allowed ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(allowed, 10'000);
}

}  // namespace
}  // namespace latchkey::api
