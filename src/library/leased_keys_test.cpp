#include "library/leased_keys.hpp"

#include <atomic>
#include <functional>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

namespace latchkey::library {
namespace {

using std::chrono::seconds;

RawId raw(std::uint8_t first) {
  RawId id{};
  id[0] = first;
  return id;
}

// Lends for a minute, unless it is told to answer otherwise.
class FakeLender final : public KeyLender {
 public:
  explicit FakeLender(const Clock& clock) : clock_(clock) {}
  Result<LeasedKey> active_key() override { return lend(raw(1)); }
  Result<LeasedKey> key(const RawId& id) override { return lend(id); }

  std::function<std::optional<Error>()> answer = [] { return std::nullopt; };
  std::function<void()> while_asking;
  std::atomic<int> calls = 0;

 private:
  Result<LeasedKey> lend(const RawId& id) {
    ++calls;
    if (auto error = answer()) return *error;
    auto now = clock_.age_time();
    if (while_asking) while_asking();
    return LeasedKey{std::make_shared<const envelope::DataKey>(
                         envelope::DataKey::create(id, crypto::SecretBytes(Bytes(32, id[0]))).value()),
                     Uuid{}, now, now + seconds(60)};
  }
  const Clock& clock_;
};

class LeasedKeysTest : public ::testing::Test {
 protected:
  void fail_with(ErrorCode code) {
    lender_.answer = [code] { return Error{code, "as it was told"}; };
  }
  void answer() {
    lender_.answer = [] { return std::nullopt; };
  }
  ManualClock clock_{Timestamp(seconds(1'800'000'000))};
  FakeLender lender_{clock_};
  LeasedKeys keys_{lender_, clock_};
};

TEST_F(LeasedKeysTest, AreAskedForOnce) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(keys_.for_encryption().value().key->id(), raw(1));
    EXPECT_EQ(keys_.for_decryption(raw(2)).value().key->id(), raw(2));
    clock_.advance(seconds(8));
  }
  EXPECT_EQ(lender_.calls, 2);
}

TEST_F(LeasedKeysTest, AreRenewedALittleAhead) {
  auto first = keys_.for_encryption().value();
  clock_.advance(seconds(44));
  EXPECT_EQ(keys_.for_encryption().value().ends_at, first.ends_at);
  clock_.advance(seconds(1));
  EXPECT_EQ(keys_.for_encryption().value().ends_at, first.ends_at + seconds(45));
  EXPECT_EQ(lender_.calls, 2);
}

TEST_F(LeasedKeysTest, AreNotUsedPastTheirEndByAMachineThatSlept) {
  for (auto slept : {std::chrono::hours(1), std::chrono::hours(24 * 7)}) {
    answer();
    auto held = keys_.for_decryption(raw(2)).value();
    ASSERT_TRUE(keys_.for_encryption());
    auto before = lender_.calls.load();
    fail_with(ErrorCode::PermissionDenied);
    clock_.sleep(slept);
    EXPECT_EQ(keys_.for_encryption().error().code, ErrorCode::PermissionDenied);
    EXPECT_EQ(keys_.for_decryption(raw(2)).error().code, ErrorCode::PermissionDenied);
    EXPECT_EQ(keys_.keep(held).error().code, ErrorCode::PermissionDenied) << "an open stream's";
    EXPECT_EQ(lender_.calls, before + 3);
  }
  answer();
  ASSERT_TRUE(keys_.for_encryption());
  fail_with(ErrorCode::Unavailable);
  clock_.sleep(std::chrono::hours(1));
  EXPECT_EQ(keys_.for_encryption().error().code, ErrorCode::Unavailable) << "no outage is bridged past the end";
}

TEST_F(LeasedKeysTest, AWallClockThatLeapsForwardCostsOneQuestion) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.leap_wall(std::chrono::hours(24));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(lender_.calls, 2);
  clock_.leap_wall(-std::chrono::hours(24));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(lender_.calls, 2);
}

TEST_F(LeasedKeysTest, AnAnswerThatSleptOnItsWayIsAskedForAgain) {
  lender_.while_asking = [&] {
    if (lender_.calls == 1) clock_.sleep(std::chrono::hours(1));
  };
  EXPECT_GT(keys_.for_encryption().value().ends_at, clock_.age_time());
  EXPECT_EQ(lender_.calls, 2);
  clock_.sleep(std::chrono::hours(1));
  lender_.while_asking = [&] { clock_.sleep(std::chrono::hours(1)); };
  EXPECT_EQ(keys_.for_encryption().error().code, ErrorCode::Unavailable);
}

TEST_F(LeasedKeysTest, NobodyIsAskedBeforeTheTimeThatTheServerSaid) {
  ASSERT_TRUE(keys_.for_encryption());
  lender_.answer = [] { return Error{ErrorCode::Unavailable, "as it was told", "", seconds(20)}; };
  clock_.advance(seconds(45));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(lender_.calls, 2);
  clock_.advance(seconds(14));
  EXPECT_TRUE(keys_.for_encryption()) << "what is left of the lease";
  clock_.advance(seconds(5));
  EXPECT_EQ(keys_.for_encryption().error().code, ErrorCode::Unavailable) << "the lease is over";
  EXPECT_EQ(lender_.calls, 2);
  answer();
  clock_.advance(seconds(1));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(lender_.calls, 3);
}

TEST_F(LeasedKeysTest, ARefusalIsAskedAgainAtOnceWhateverItSaysOfTime) {
  lender_.answer = [] { return Error{ErrorCode::PermissionDenied, "no", "", seconds(20)}; };
  EXPECT_FALSE(keys_.for_encryption());
  answer();
  EXPECT_TRUE(keys_.for_encryption());
}

TEST_F(LeasedKeysTest, AnOutageIsBridgedToTheEndOfTheLeaseAndNotBeyond) {
  ASSERT_TRUE(keys_.for_encryption());
  fail_with(ErrorCode::Unavailable);
  clock_.advance(seconds(59));
  EXPECT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(1));
  EXPECT_EQ(keys_.for_encryption().error().code, ErrorCode::Unavailable);
  answer();
  EXPECT_TRUE(keys_.for_encryption());
}

TEST_F(LeasedKeysTest, ARefusalEndsItAtOnce) {
  for (auto code : {ErrorCode::Invalid, ErrorCode::PermissionDenied, ErrorCode::Unauthenticated, ErrorCode::NotFound}) {
    answer();
    auto held = keys_.for_decryption(raw(7)).value();
    std::weak_ptr<const envelope::DataKey> watched = held.key;
    held.key.reset();
    clock_.advance(seconds(50));
    fail_with(code);
    EXPECT_EQ(keys_.for_decryption(raw(7)).error().code, code);
    EXPECT_TRUE(watched.expired()) << "the key is still in memory";
    // It is not remembered: whoever asks next hears what is true then.
    answer();
    EXPECT_TRUE(keys_.for_decryption(raw(7)));
  }
}

TEST_F(LeasedKeysTest, KeepRenewsWhatIsInUse) {
  auto key = keys_.for_encryption().value();
  EXPECT_TRUE(keys_.keep(key));
  EXPECT_EQ(lender_.calls, 1);
  clock_.advance(seconds(50));
  EXPECT_TRUE(keys_.keep(key));
  EXPECT_EQ(lender_.calls, 2);
  EXPECT_GT(key.ends_at, clock_.age_time() + seconds(50));
  clock_.advance(seconds(50));
  fail_with(ErrorCode::Invalid);
  EXPECT_FALSE(keys_.keep(key));
}

TEST_F(LeasedKeysTest, ClearForgets) {
  ASSERT_TRUE(keys_.for_encryption());
  keys_.clear();
  ASSERT_TRUE(keys_.for_encryption());
  EXPECT_EQ(lender_.calls, 2);
}

// As many as there are ask at once; the lender answers once all of them are there.
TEST_F(LeasedKeysTest, ManyThreadsMakeOneQuestion) {
  constexpr int kThreads = 16;
  for (bool refuses : {false, true}) {
    keys_.clear();
    lender_.calls = 0;
    std::latch all_there(kThreads);
    lender_.answer = [&]() -> std::optional<Error> {
      all_there.wait();
      if (refuses) return Error{ErrorCode::Invalid, "no"};
      return std::nullopt;
    };
    std::atomic<int> succeeded = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        all_there.count_down();
        if (keys_.for_encryption()) ++succeeded;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(succeeded, refuses ? 0 : kThreads);
    if (!refuses) {
      EXPECT_EQ(lender_.calls, 1);
    }
  }
}

TEST_F(LeasedKeysTest, OthersGoOnWhileOneRenews) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(50));
  std::latch asked(1);
  std::latch may_answer(1);
  lender_.answer = [&]() -> std::optional<Error> {
    asked.count_down();
    may_answer.wait();
    return std::nullopt;
  };
  std::thread renewing([&] { EXPECT_TRUE(keys_.for_encryption()); });
  asked.wait();
  EXPECT_TRUE(keys_.for_encryption()) << "with what is left of the lease";
  EXPECT_EQ(lender_.calls, 2);
  may_answer.count_down();
  renewing.join();
}

}  // namespace
}  // namespace latchkey::library
