#include "keyring/usage_meter.hpp"

#include <thread>

#include <gtest/gtest.h>

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;

class UsageMeterTest : public ::testing::Test {
 protected:
  static Compartment workspace(std::string id) {
    Compartment made{};
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
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 2});
  clock.advance(10s);
  meter.count(workspace("a"), "ekey_1", first, {.decrypts = 3, .leases = 1});
  meter.count(workspace("a"), std::nullopt, second, {.decrypts = 1});
  meter.count(workspace("b"), "ekey_1", first, {.encrypts = 1});
  auto taken = meter.take();
  ASSERT_EQ(taken.size(), 3U);
  EXPECT_EQ(taken[0].counts, (UsageCounts{2, 3, 1}));
  EXPECT_EQ(taken[0].external_key_id, "ekey_1");
  EXPECT_EQ(taken[0].from, start);
  EXPECT_EQ(taken[0].until, start + 10s);
  EXPECT_FALSE(taken[1].external_key_id);
  EXPECT_EQ(taken[2].workspace_id, "b");
  EXPECT_TRUE(meter.take().empty());
}

TEST_F(UsageMeterTest, WhatCouldNotBeToldIsNotLost) {
  meter.count(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 2});
  auto taken = meter.take();
  clock.advance(60s);
  meter.count(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 5});
  meter.give_back(std::move(taken));
  auto all = meter.take();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].counts.encrypts, 7U);
  EXPECT_EQ(all[0].from, start);
  EXPECT_EQ(all[0].until, start + 60s);
}

TEST_F(UsageMeterTest, AUseBeginsOnceUntilItIsToldAndAnewAfterAnIdleTurn) {
  RawId key{1};
  auto begins = [&] { return meter.begin(workspace("a"), "ekey_1", key, nullptr); };
  EXPECT_TRUE(begins());
  EXPECT_TRUE(begins()) << "not told yet: whoever comes meanwhile waits, too";
  auto beginnings = meter.take_beginnings();
  ASSERT_EQ(beginnings.size(), 1U);
  EXPECT_EQ(beginnings[0].workspace_id, "a");
  EXPECT_EQ(beginnings[0].counts, UsageCounts{});
  meter.give_back_beginnings(beginnings);
  EXPECT_TRUE(begins());
  EXPECT_EQ(meter.take_beginnings().size(), 1U);
  meter.told(beginnings);
  EXPECT_FALSE(begins());
  meter.count(workspace("a"), "ekey_1", key, {.encrypts = 1});
  EXPECT_EQ(meter.take().size(), 1U);
  EXPECT_FALSE(begins()) << "in use all the time";
  EXPECT_TRUE(meter.take().empty());
  EXPECT_TRUE(begins()) << "idle for a turn";
  EXPECT_TRUE(meter.begin(workspace("b"), "ekey_1", key)) << "of another workspace";
}

TEST_F(UsageMeterTest, ManyThreadsLoseNothing) {
  std::vector<std::thread> threads;
  std::uint64_t told = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 1'000; ++j) meter.count(workspace("a"), "ekey_1", RawId{1}, {.encrypts = 1});
    });
  }
  for (int i = 0; i < 100; ++i) {
    for (const auto& usage : meter.take()) told += usage.counts.encrypts;
  }
  for (auto& thread : threads) thread.join();
  for (const auto& usage : meter.take()) told += usage.counts.encrypts;
  EXPECT_EQ(told, 4'000U);
}

TEST_F(UsageMeterTest, NamesTheUnwrapsThatUsesRodeOnEachOnceAndNotTooMany) {
  RawId first{1};
  auto named = [](int number) { return std::make_shared<const std::string>("request-" + std::to_string(number)); };
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(1));
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(1));
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 1});
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(2));
  auto taken = meter.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].kms_request_ids, (std::vector<std::string>{"request-1", "request-2"}));
  for (int i = 0; i < 100; ++i) meter.count(workspace("a"), "ekey_1", first, {.encrypts = 1}, named(i));
  EXPECT_EQ(meter.take().at(0).kms_request_ids.size(), kMostRequestIds);
}

TEST_F(UsageMeterTest, TotalsGoOnWhateverIsTaken) {
  RawId first{1};
  meter.count(workspace("a"), "ekey_1", first, {.encrypts = 2});
  (void)meter.take();
  meter.count(workspace("a"), "ekey_1", first, {.decrypts = 3});
  auto taken = meter.take();
  meter.give_back(std::move(taken));
  auto totals = meter.totals();
  ASSERT_EQ(totals.size(), 1U);
  EXPECT_EQ(totals[0].workspace_id, "a");
  EXPECT_EQ(totals[0].data_key, first);
  EXPECT_EQ(totals[0].counts, (UsageCounts{2, 3, 0}));
}

TEST_F(UsageMeterTest, TotalsOfTooManyDataKeysAreOne) {
  for (std::size_t i = 0; i < kMostUsageTotals + 3; ++i) {
    meter.count(workspace(std::to_string(i)), std::nullopt, RawId{1}, {.encrypts = 1});
  }
  meter.count(workspace("0"), std::nullopt, RawId{1}, {.encrypts = 1});
  auto totals = meter.totals();
  ASSERT_EQ(totals.size(), kMostUsageTotals + 1);
  EXPECT_FALSE(totals.back().data_key);
  EXPECT_EQ(totals.back().counts.encrypts, 3U);
  EXPECT_EQ(totals.front().counts.encrypts, 2U);
}

}  // namespace
}  // namespace latchkey::keyring
