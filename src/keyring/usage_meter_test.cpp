#include "keyring/usage_meter.hpp"

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class UsageMeterTest : public ::testing::Test {
 protected:
  static Compartment workspace(std::string id) {
    Compartment made{};
    std::ranges::copy(id, made.id.data);
    made.workspace_id = std::move(id);
    return made;
  }
  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  Timestamp start = clock.now();
  UsageMeter meter{clock};
};

TEST_F(UsageMeterTest, UsesAddUpByWorkspaceAndDataKey) {
  RawId first{1};
  RawId second{2};
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 2});
  clock.advance(10s);
  meter.record_usage(workspace("a"), "ekey_1", first, {.decrypts = 3, .leases = 1});
  meter.record_usage(workspace("a"), std::nullopt, second, {.decrypts = 1});
  meter.record_usage(workspace("b"), "ekey_1", first, {.encrypts = 1});
  auto taken = meter.take_usage();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].counts, (UsageCounts{2, 3, 1}));
  EXPECT_EQ(taken[0].external_key_id, "ekey_1");
  EXPECT_EQ(taken[0].from, start);
  EXPECT_EQ(taken[0].until, start + 10s);
  EXPECT_FALSE(taken[1].external_key_id);
  EXPECT_EQ(taken[2].workspace_id, "b");
  EXPECT_TRUE(meter.take_usage().empty());
}

TEST_F(UsageMeterTest, WhatCouldNotBeWrittenIsNotLost) {
  meter.record_usage(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 2});
  auto taken = meter.take_usage();
  clock.advance(60s);
  meter.record_usage(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 5});
  meter.give_back_usage(std::move(taken));
  auto all = meter.take_usage();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].counts.encrypts, 7U);
  EXPECT_EQ(all[0].from, start);
  EXPECT_EQ(all[0].until, start + 60s);
}

TEST_F(UsageMeterTest, AUseBeginsOnceUntilItIsWrittenAndAnewAfterAnIdleTurn) {
  RawId key{1};
  auto begins = [&] { return meter.begin(workspace("a"), "ekey_1", key, nullptr); };
  EXPECT_TRUE(begins());
  EXPECT_TRUE(begins()) << "not written yet: other requests wait, too";
  auto beginnings = meter.take_beginnings();
  ASSERT_EQ(beginnings.size(), 1U);
  EXPECT_EQ(beginnings[0].workspace_id, "a");
  EXPECT_EQ(beginnings[0].counts, UsageCounts{});
  meter.give_back_beginnings(beginnings);
  EXPECT_TRUE(begins());
  EXPECT_EQ(meter.take_beginnings().size(), 1U);
  meter.confirm_beginnings(beginnings);
  EXPECT_FALSE(begins());
  meter.record_usage(workspace("a"), "ekey_1", key, {.encrypts = 1});
  EXPECT_EQ(meter.take_usage().size(), 1U);
  EXPECT_FALSE(begins()) << "in use all the time";
  EXPECT_TRUE(meter.take_usage().empty());
  EXPECT_TRUE(begins()) << "idle for a turn";
  EXPECT_TRUE(meter.begin(workspace("b"), "ekey_1", key)) << "of another workspace";
}

TEST_F(UsageMeterTest, ManyThreadsLoseNothing) {
  std::vector<std::thread> threads;
  std::uint64_t taken = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 1'000; ++j) meter.record_usage(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 1});
    });
  }
  for (int i = 0; i < 100; ++i) {
    for (const auto& usage : meter.take_usage()) taken += usage.counts.encrypts;
  }
  for (auto& thread : threads) thread.join();
  for (const auto& usage : meter.take_usage()) taken += usage.counts.encrypts;
  EXPECT_EQ(taken, 4'000U);
}

TEST_F(UsageMeterTest, RowCountsAddUpWhatEveryThreadCounts) {
  constexpr int kThreads = 20;
  constexpr int kTimes = 1000;
  constexpr RawId kOne{1};
  constexpr RawId kTwo{2};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kTimes; ++j) {
        meter.record_usage(workspace("a"), "ekey_1", kOne, {.encrypts = 1, .bytes = 10});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  meter.record_usage(workspace("a"), "ekey_1", kTwo, {.decrypts = 1});
  EXPECT_EQ(meter.pending(workspace("a"), kOne), (Use{kThreads * kTimes, kThreads * kTimes * 10}));
  EXPECT_EQ(meter.pending(workspace("a"), RawId{3}), Use());
  EXPECT_EQ(meter.take_usage().size(), 2U) << "which leaves the row counts where they are";
  auto taken = meter.take_row_counts();
  EXPECT_THAT(taken, UnorderedElementsAre(store::DataKeyUse{kOne, kThreads * kTimes, kThreads * kTimes * 10},
                                          store::DataKeyUse{kTwo, 0, 0}));
  EXPECT_THAT(meter.take_row_counts(), IsEmpty());
  EXPECT_EQ(meter.pending(workspace("a"), kOne), Use());
  meter.give_back_row_counts(taken);
  EXPECT_EQ(meter.pending(workspace("a"), kOne), (Use{kThreads * kTimes, kThreads * kTimes * 10}));
}

// Every thread has a shard of its own: none may take for new what another one wrote, or for written what is idle.
TEST_F(UsageMeterTest, ABeginningIsWrittenOnceForAllThreads) {
  RawId key{1};
  auto begins = [&] {
    bool begun = false;
    std::thread([&] { begun = meter.begin(workspace("a"), "ekey_1", key); }).join();
    return begun;
  };
  EXPECT_TRUE(begins());
  EXPECT_TRUE(begins());
  auto beginnings = meter.take_beginnings();
  ASSERT_EQ(beginnings.size(), 1U);
  meter.confirm_beginnings(beginnings);
  EXPECT_FALSE(begins());
  EXPECT_FALSE(meter.begin(workspace("a"), "ekey_1", key));
  EXPECT_FALSE(meter.begin(workspace("a"), "ekey_1", key)) << "as this thread remembers";
  EXPECT_TRUE(meter.take_usage().empty());
  EXPECT_TRUE(meter.begin(workspace("a"), "ekey_1", key)) << "idle since the last time";
  EXPECT_TRUE(begins());
}

TEST_F(UsageMeterTest, TotalsGoOnBetweenScrapes) {
  RawId first{1};
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 2});
  EXPECT_EQ(meter.totals().at(0).counts.encrypts, 2U);
  EXPECT_EQ(meter.totals().at(0).counts.encrypts, 2U) << "each use counts once";
  std::thread([&] { meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 3}); }).join();
  EXPECT_EQ(meter.totals().at(0).counts.encrypts, 5U);
  EXPECT_EQ(meter.take_usage().at(0).counts.encrypts, 5U);
  EXPECT_EQ(meter.totals().at(0).counts.encrypts, 5U);
}

TEST_F(UsageMeterTest, NamesTheUnwrapsThatUsesRodeOnEachOnceAndNotTooMany) {
  RawId first{1};
  auto named = [](int number) { return std::make_shared<const std::string>("request-" + std::to_string(number)); };
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(1));
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(1));
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 1});
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(2));
  auto taken = meter.take_usage();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].kms_request_ids, (std::vector<std::string>{"request-1", "request-2"}));
  for (int i = 0; i < 100; ++i) meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(i));
  EXPECT_EQ(meter.take_usage().at(0).kms_request_ids.size(), kMostRequestIds);
}

TEST_F(UsageMeterTest, TotalsGoOnWhateverIsTaken) {
  RawId first{1};
  meter.record_usage(workspace("a"), "ekey_1", first, {.encrypts = 2});
  (void)meter.take_usage();
  meter.record_usage(workspace("a"), "ekey_1", first, {.decrypts = 3});
  auto taken = meter.take_usage();
  meter.give_back_usage(std::move(taken));
  auto totals = meter.totals();
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].workspace_id, "a");
  EXPECT_EQ(totals[0].data_key, first);
  EXPECT_EQ(totals[0].counts, (UsageCounts{2, 3, 0}));
}

TEST_F(UsageMeterTest, TotalsOfTooManyDataKeysAreOne) {
  for (std::size_t i = 0; i < kMostUsageTotals + 3; ++i) {
    meter.record_usage(workspace(std::to_string(i)), std::nullopt, RawId{1}, {.encrypts = 1});
  }
  meter.record_usage(workspace("0"), std::nullopt, RawId{1}, {.encrypts = 1});
  auto totals = meter.totals();
  ASSERT_EQ(totals.size(), kMostUsageTotals + 1);
  EXPECT_FALSE(totals.back().data_key);
  EXPECT_EQ(totals.back().counts.encrypts, 3U);
  EXPECT_EQ(totals.front().counts.encrypts, 2U);
}

}  // namespace
}  // namespace latchkey::keyring
