#include "keyring/data_key_rotation.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/task.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const RawId kOne{1};
const RawId kTwo{2};

TEST(DataKeyMeterTest, AddsUpWhatEveryThreadCounts) {
  constexpr int kThreads = 20;
  constexpr int kTimes = 1000;
  DataKeyMeter meter;
  std::vector<std::future<void>> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.push_back(std::async(std::launch::async, [&meter] {
      for (int j = 0; j < kTimes; ++j) meter.encrypted(kOne, {1, 10});
    }));
  }
  for (auto& thread : threads) thread.get();
  meter.used(kTwo);
  EXPECT_EQ(meter.pending(kOne), (Use{kThreads * kTimes, kThreads * kTimes * 10}));
  EXPECT_EQ(meter.pending(RawId{3}), Use());
  EXPECT_THAT(meter.take(), UnorderedElementsAre(store::DataKeyUse{kOne, kThreads * kTimes, kThreads * kTimes * 10},
                                                 store::DataKeyUse{kTwo, 0, 0}));
  EXPECT_THAT(meter.take(), IsEmpty());
  EXPECT_EQ(meter.pending(kOne), Use());
}

TEST(RotationDueTest, EachLimitByItself) {
  const Timestamp made(1000s);
  store::DataKey row;
  row.created_at = made;
  row.records = 60;
  row.bytes = 600;
  DataKeyLimits limits{1h, 100, 1000};
  struct Case {
    Use pending;
    std::chrono::microseconds age;
    std::optional<RotationCause> due;
  };
  for (const auto& c :
       {Case{{0, 0}, 1h - 1us, std::nullopt}, Case{{0, 0}, 1h, RotationCause::Age}, Case{{39, 0}, 1s, std::nullopt},
        Case{{40, 0}, 1s, RotationCause::Records}, Case{{0, 399}, 1s, std::nullopt},
        Case{{0, 400}, 1s, RotationCause::Bytes}, Case{{40, 400}, -1s, RotationCause::Records}}) {
    EXPECT_EQ(rotation_due(row, c.pending, limits, made + c.age), c.due) << c.pending.records << ' ' << c.age.count();
  }
}

// Takes what is written, or refuses.
class UseStore final : public store::Store {
 public:
  Task<Result<store::SealCounts>> check_seals() override { co_return Error{}; }
  Task<Result<store::SealProgress>> reseal(store::SealProgress, std::size_t) override { co_return Error{}; }
  Task<Result<void>> purge(std::optional<Uuid>) override { co_return success(); }
  int left_to_succeed = 0;
  int transactions = 0;

 protected:
  Task<Result<void>> run(Access, std::function<Result<void>(store::Transaction&)>) override {
    ++transactions;
    if (left_to_succeed-- > 0) co_return success();
    co_return Error{ErrorCode::Unavailable, "the disk is full"};
  }
};

TEST(WriteUseTest, WhatCouldNotBeWrittenIsCountedAgain) {
  UseStore store;
  DataKeyMeter meter;
  ManualClock clock(Timestamp(1s));
  for (int i = 0; i < 700; ++i) {
    RawId id{};
    id[0] = static_cast<std::uint8_t>(i % 256);
    id[1] = static_cast<std::uint8_t>(i / 256);
    meter.encrypted(id, {1, 2});
  }
  store.left_to_succeed = 1;
  EXPECT_EQ(run_blocking(write_use(store, meter, clock)).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(store.transactions, 2);
  store.left_to_succeed = 1;
  ASSERT_TRUE(run_blocking(write_use(store, meter, clock)));
  EXPECT_EQ(store.transactions, 3) << "the 200 that are left fit in one";
  ASSERT_TRUE(run_blocking(write_use(store, meter, clock)));
  EXPECT_EQ(store.transactions, 3) << "nothing to be written";
}

}  // namespace
}  // namespace latchkey::keyring
