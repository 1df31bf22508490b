#include "library/leased_keys.hpp"

#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "library/testing/fake_lease_source.hpp"
#include "testing/matchers.hpp"

namespace latchkey::library {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeLeaseSource;
using testing::kKeyDisabled;
using testing::raw;
using Name = FakeLeaseSource::Name;

class Remnant final : public LeasedKeys::Derived {
 public:
  void forget() override { is_forgotten = true; }
  bool is_forgotten = false;
};

class LeasedKeysTest : public ::testing::Test {
 protected:
  static constexpr std::uint8_t kMostLeases = 8;

  // True where the key is no longer in memory.
  static std::weak_ptr<const envelope::DataKey> watch(const Result<LeasedKey>& lease) { return lease.value().key; }

  ManualClock clock_{Timestamp(seconds(1'800'000'000))};
  FakeLeaseSource source_{clock_};
  LeasedKeysLimits limits_{.most_leases = kMostLeases, .most_failures = 16};
  LeasedKeys keys_{source_, clock_, {}, limits_};
};

TEST_F(LeasedKeysTest, AreAskedForOnce) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(keys_.for_encryption().value().key->id(), raw(1));
    EXPECT_EQ(keys_.for_decryption(raw(2)).value().key->id(), raw(2));
    EXPECT_EQ(keys_.for_decryption(raw(1)).value().key->id(), raw(1)) << "the active one is on lease already";
    clock_.advance(seconds(8));
  }
  EXPECT_EQ(source_.calls, 2);
}

TEST_F(LeasedKeysTest, AreRenewedALittleAhead) {
  auto first = keys_.for_encryption().value();
  clock_.advance(seconds(44));
  EXPECT_EQ(keys_.for_encryption().value().ends_at, first.ends_at);
  clock_.advance(seconds(1));
  EXPECT_EQ(keys_.for_encryption().value().ends_at, first.ends_at + seconds(45));
  EXPECT_EQ(source_.calls, 2);
}

TEST_F(LeasedKeysTest, AreNotUsedPastTheirEndByAMachineThatSlept) {
  for (auto slept : {std::chrono::hours(1), std::chrono::hours(24 * 7)}) {
    source_.lease_again();
    ASSERT_TRUE(keys_.for_decryption(raw(2)));
    ASSERT_TRUE(keys_.for_encryption());
    auto before = source_.calls.load();
    source_.fail_with(ErrorCode::PermissionDenied);
    clock_.sleep(slept);
    EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::PermissionDenied));
    EXPECT_THAT(keys_.for_decryption(raw(2)), IsError(ErrorCode::PermissionDenied));
    EXPECT_THAT(keys_.keep(raw(2)), IsError(ErrorCode::PermissionDenied)) << "an open stream's";
    EXPECT_EQ(source_.calls, before + 3);
  }
  source_.lease_again();
  ASSERT_TRUE(keys_.for_encryption());
  source_.fail_with(ErrorCode::Unavailable);
  clock_.sleep(std::chrono::hours(1));
  EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::Unavailable)) << "an outage does not extend the lease";
}

TEST_F(LeasedKeysTest, AWallClockThatLeapsForwardCostsOneQuestion) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.leap_wall(std::chrono::hours(24));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 2);
  clock_.leap_wall(-std::chrono::hours(24));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 2);
}

TEST_F(LeasedKeysTest, AnAnswerThatSleptOnItsWayIsAskedForAgain) {
  source_.while_asking = [&] {
    if (source_.calls == 1) clock_.sleep(std::chrono::hours(1));
  };
  EXPECT_GT(keys_.for_encryption().value().ends_at, clock_.age_time());
  EXPECT_EQ(source_.calls, 2);
  clock_.sleep(std::chrono::hours(1));
  source_.while_asking = [&] { clock_.sleep(std::chrono::hours(1)); };
  EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::Unavailable));
}

TEST_F(LeasedKeysTest, AnotherActiveKeyIsNoticedThoughTheOldOneIsRenewedByReads) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(50));
  ASSERT_TRUE(keys_.for_decryption(raw(1)));
  EXPECT_EQ(source_.calls, 2);
  ASSERT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 3);
}

TEST_F(LeasedKeysTest, NobodyIsAskedBeforeTheTimeThatTheServerSaid) {
  ASSERT_TRUE(keys_.for_encryption());
  source_.failure = [](const Name&) {
    return Error{ErrorCode::Unavailable, "as it was told", {}, "", "", seconds(20)};
  };
  clock_.advance(seconds(45));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 2);
  clock_.advance(seconds(14));
  EXPECT_TRUE(keys_.for_encryption()) << "what is left of the lease";
  clock_.advance(seconds(5));
  EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::Unavailable)) << "the lease is over";
  EXPECT_EQ(source_.calls, 2);
  source_.lease_again();
  clock_.advance(seconds(1));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 3);
}

TEST_F(LeasedKeysTest, ARefusalIsAskedAgainAtOnceWhateverItSaysOfTime) {
  source_.failure = [](const Name&) { return Error{ErrorCode::PermissionDenied, "no", {}, "", "", seconds(20)}; };
  EXPECT_FALSE(keys_.for_encryption());
  source_.lease_again();
  EXPECT_TRUE(keys_.for_encryption());
}

TEST_F(LeasedKeysTest, AnOutageIsBridgedToTheEndOfTheLeaseAndNotBeyond) {
  ASSERT_TRUE(keys_.for_encryption());
  source_.fail_with(ErrorCode::Unavailable);
  clock_.advance(seconds(59));
  EXPECT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(1));
  EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::Unavailable));
  source_.lease_again();
  EXPECT_TRUE(keys_.for_encryption());
}

TEST_F(LeasedKeysTest, ARefusalEndsItAtOnce) {
  for (auto code : {ErrorCode::Invalid, ErrorCode::PermissionDenied, ErrorCode::Unauthenticated, ErrorCode::NotFound}) {
    source_.lease_again();
    auto watched = watch(keys_.for_decryption(raw(7)));
    clock_.advance(seconds(50));
    source_.fail_with(code);
    EXPECT_THAT(keys_.for_decryption(raw(7)), IsError(code));
    EXPECT_TRUE(watched.expired()) << "the key is still in memory";
    // The next caller gets the current state; only an unknown id is remembered for a moment.
    source_.lease_again();
    if (code == ErrorCode::NotFound) clock_.advance(limits_.unknown_for);
    EXPECT_TRUE(keys_.for_decryption(raw(7)));
  }
}

// Which other leases end when a key in use is refused: of the active key raw(1), of raw(2), which a customer's key
// wraps, too, and of raw(3), from before the customer had a key.
TEST_F(LeasedKeysTest, ARefusalEndsWhatItSpeaksOf) {
  struct Case {
    ErrorCode code;
    std::string reason;
    Name asked;
    std::vector<std::uint8_t> kept;
  };
  for (const auto& [code, reason, asked, kept] :
       std::vector<Case>{{ErrorCode::Invalid, "cmek_key_disabled", std::nullopt, {3}},
                         {ErrorCode::Invalid, "cmek_key_network_blocked", raw(2), {3}},
                         {ErrorCode::Invalid, "cmek_key_disabled", raw(9), {3}},
                         {ErrorCode::Invalid, "data_key_destroyed", raw(2), {1, 3}},
                         {ErrorCode::Invalid, "data_key_destroyed", raw(9), {1, 2, 3}},
                         {ErrorCode::Invalid, "", std::nullopt, {2, 3}},
                         {ErrorCode::Invalid, "", raw(1), {2, 3}},
                         {ErrorCode::NotFound, "", raw(2), {1, 3}},
                         {ErrorCode::NotFound, "", raw(9), {1, 2, 3}},
                         {ErrorCode::NotFound, "", std::nullopt, {}},
                         {ErrorCode::Unauthenticated, "", raw(9), {}},
                         {ErrorCode::PermissionDenied, "", std::nullopt, {}},
                         {ErrorCode::Unavailable, "cmek_key_unreachable", std::nullopt, {1, 2, 3}}}) {
    keys_.clear();
    source_.lease_again();
    std::array<std::weak_ptr<const envelope::DataKey>, 4> watched;
    std::array<Remnant, 4> derived;
    watched[1] = watch(keys_.for_encryption());
    watched[2] = watch(keys_.for_decryption(raw(2)));
    source_.external_key_id.reset();
    watched[3] = watch(keys_.for_decryption(raw(3)));
    source_.external_key_id = "ekey_1";
    for (std::uint8_t i = 1; i <= 3; ++i) keys_.add(raw(i), derived[i]);
    clock_.advance(seconds(46));
    source_.fail_with(code, Reason::reported(reason));
    (void)(asked ? keys_.for_decryption(*asked) : keys_.for_encryption());
    for (std::uint8_t i = 1; i <= 3; ++i) {
      bool is_kept = std::ranges::count(kept, i) == 1;
      EXPECT_EQ(!watched[i].expired(), is_kept) << to_string(code) << " " << reason << ", key " << int{i};
      EXPECT_EQ(derived[i].is_forgotten, !is_kept) << to_string(code) << " " << reason << ", key " << int{i};
      EXPECT_EQ(keys_.holds(raw(i)), is_kept);
      keys_.remove(raw(i), derived[i]);
    }
  }
}

TEST_F(LeasedKeysTest, ForgedIdsAreBoundedAndPushNothingOut) {
  auto own = watch(keys_.for_encryption());
  auto old = watch(keys_.for_decryption(raw(2)));
  source_.fail_with(ErrorCode::NotFound);
  for (int i = 0; i < 6000; ++i) {
    auto forged = raw(99, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
    ASSERT_THAT(keys_.for_decryption(forged), IsError(ErrorCode::NotFound));
  }
  auto counts = keys_.counts();
  EXPECT_EQ(counts.leases, 2U);
  EXPECT_EQ(counts.failures, limits_.most_failures);
  EXPECT_EQ(counts.questions, 0U);
  EXPECT_FALSE(own.expired());
  EXPECT_FALSE(old.expired());
  clock_.advance(limits_.unknown_for);
  (void)keys_.sweep();
  EXPECT_EQ(keys_.counts().failures, 0U);
}

TEST_F(LeasedKeysTest, OutagesOfForgedIdsAreBoundedToo) {
  source_.failure = [](const Name&) { return Error{ErrorCode::Unavailable, "later", {}, "", "", seconds(60)}; };
  for (int i = 0; i < 6000; ++i) {
    (void)keys_.for_decryption(raw(99, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)));
  }
  EXPECT_EQ(keys_.counts().failures, limits_.most_failures);
  EXPECT_EQ(keys_.counts().leases, 0U);
}

TEST_F(LeasedKeysTest, AnUnknownIdIsAskedForOnceInAWhile) {
  source_.fail_with(ErrorCode::NotFound);
  for (int i = 0; i < 100; ++i) EXPECT_THAT(keys_.for_decryption(raw(99)), IsError(ErrorCode::NotFound));
  EXPECT_EQ(source_.calls, 1);
  clock_.advance(limits_.unknown_for);
  source_.lease_again();
  EXPECT_TRUE(keys_.for_decryption(raw(99)));
}

TEST_F(LeasedKeysTest, OfTooManyTheLeastRecentlyUsedGoes) {
  std::vector<std::weak_ptr<const envelope::DataKey>> watched;
  std::vector<Remnant> derived(limits_.most_leases + 1);
  for (std::uint8_t i = 0; i < kMostLeases; ++i) {
    watched.push_back(watch(keys_.for_decryption(raw(i))));
    keys_.add(raw(i), derived[i]);
  }
  ASSERT_TRUE(keys_.for_decryption(raw(0)));
  ASSERT_TRUE(keys_.for_decryption(raw(100)));
  EXPECT_EQ(keys_.counts().leases, limits_.most_leases);
  for (std::uint8_t i = 0; i < kMostLeases; ++i) {
    EXPECT_EQ(watched[i].expired(), i == 1);
    EXPECT_EQ(derived[i].is_forgotten, i == 1);
    keys_.remove(raw(i), derived[i]);
  }
}

TEST_F(LeasedKeysTest, ASweepWipesWhatIsOver) {
  EXPECT_FALSE(keys_.sweep());
  auto first = watch(keys_.for_encryption());
  auto ends_at = keys_.for_encryption().value().ends_at;
  Remnant derived;
  keys_.add(raw(1), derived);
  clock_.advance(seconds(10));
  auto second = watch(keys_.for_decryption(raw(2)));
  EXPECT_EQ(keys_.sweep(), ends_at);
  clock_.advance(seconds(50) - milliseconds(1));
  EXPECT_EQ(keys_.sweep(), ends_at);
  EXPECT_FALSE(first.expired() || derived.is_forgotten);
  clock_.advance(milliseconds(1));
  EXPECT_EQ(keys_.sweep(), ends_at + seconds(10));
  EXPECT_TRUE(first.expired() && derived.is_forgotten);
  EXPECT_FALSE(second.expired());
  keys_.remove(raw(1), derived);
}

TEST_F(LeasedKeysTest, TellsOfEachNewLease) {
  int told = 0;
  LeasedKeys keys(source_, clock_, {.on_lease = [&] { ++told; }});
  ASSERT_TRUE(keys.for_encryption());
  ASSERT_TRUE(keys.for_encryption());
  EXPECT_EQ(told, 1);
  source_.fail_with(ErrorCode::NotFound);
  EXPECT_FALSE(keys.for_decryption(raw(9)));
  EXPECT_EQ(told, 1);
}

TEST_F(LeasedKeysTest, KeepRenewsWhatIsInUse) {
  ASSERT_TRUE(keys_.for_encryption());
  EXPECT_TRUE(keys_.keep(raw(1)));
  EXPECT_EQ(source_.calls, 1);
  clock_.advance(seconds(50));
  EXPECT_TRUE(keys_.keep(raw(1)));
  EXPECT_EQ(source_.calls, 2);
  clock_.advance(seconds(50));
  source_.fail_with(ErrorCode::Invalid);
  EXPECT_FALSE(keys_.keep(raw(1)));
}

// The source wants a lease to be checked each 5 s.
class CheckedLeasesTest : public LeasedKeysTest {
 protected:
  CheckedLeasesTest() { source_.check_after = seconds(5); }
  void check_gives(Error error) {
    source_.check_failure = [error = std::move(error)](const RawId&) { return error; };
  }
};

TEST_F(CheckedLeasesTest, AreCheckedWhileTheyAreUsed) {
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(keys_.for_encryption());
    ASSERT_TRUE(keys_.for_decryption(raw(1)));
    EXPECT_EQ(source_.checks, i / 2) << i;
    clock_.advance(milliseconds(2'500));
  }
  EXPECT_EQ(source_.calls, 1);
}

TEST_F(CheckedLeasesTest, ASuspensionEndsThemWithinTheInterval) {
  auto watched = watch(keys_.for_encryption());
  Remnant derived;
  keys_.add(raw(1), derived);
  check_gives({ErrorCode::Invalid, "no", kKeyDisabled});
  source_.fail_with(ErrorCode::Invalid, kKeyDisabled);
  clock_.advance(seconds(5) - milliseconds(1));
  EXPECT_TRUE(keys_.for_encryption());
  clock_.advance(milliseconds(1));
  EXPECT_THAT(keys_.for_encryption(), IsErrorFor("cmek_key_disabled"));
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(derived.is_forgotten);
  keys_.remove(raw(1), derived);
}

TEST_F(CheckedLeasesTest, ACheckThatIsRefusedEndsWhatItSpeaksOf) {
  auto other = watch(keys_.for_decryption(raw(2)));
  auto own = watch(keys_.for_decryption(raw(3)));
  clock_.advance(seconds(5));
  check_gives({ErrorCode::Unauthenticated, "no"});
  source_.fail_with(ErrorCode::Unauthenticated);
  EXPECT_THAT(keys_.for_decryption(raw(3)), IsError(ErrorCode::Unauthenticated));
  EXPECT_TRUE(own.expired() && other.expired());
}

TEST_F(CheckedLeasesTest, WhereTheServerCannotBeReachedTheyGoOnToTheirEnd) {
  ASSERT_TRUE(keys_.for_encryption());
  check_gives({ErrorCode::Unavailable, "no server"});
  source_.fail_with(ErrorCode::Unavailable);
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(keys_.for_encryption()) << i;
    EXPECT_TRUE(keys_.for_encryption()) << i;
    EXPECT_LE(source_.checks, i) << "once each interval";
    clock_.advance(seconds(5));
  }
  EXPECT_THAT(keys_.for_encryption(), IsError(ErrorCode::Unavailable));
}

TEST_F(CheckedLeasesTest, AServerThatIsBusyIsNotCheckedBeforeItsTime) {
  ASSERT_TRUE(keys_.for_encryption());
  check_gives({ErrorCode::Unavailable, "busy", {}, "", "", seconds(20)});
  clock_.advance(seconds(5));
  EXPECT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(19));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.checks, 1);
  clock_.advance(seconds(1));
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.checks, 2);
}

// The server was restarted, or is another server.
TEST_F(CheckedLeasesTest, AServerThatKnowsNothingOfItIsAskedForTheKey) {
  check_gives({ErrorCode::NotFound, "not here"});
  auto first = keys_.for_encryption().value();
  clock_.advance(seconds(5));
  EXPECT_EQ(keys_.for_encryption().value().ends_at, first.ends_at + seconds(5));
  EXPECT_EQ(source_.calls, 2);
  source_.fail_with(ErrorCode::Unavailable);
  clock_.advance(seconds(5));
  EXPECT_TRUE(keys_.for_encryption()) << "what is left of the lease";
  EXPECT_EQ(source_.checks, 2);
  source_.fail_with(ErrorCode::Invalid, kKeyDisabled);
  clock_.advance(seconds(5));
  EXPECT_THAT(keys_.for_encryption(), IsErrorFor("cmek_key_disabled"));
}

TEST_F(CheckedLeasesTest, OthersGoOnWhileOneChecks) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(5));
  std::latch asked(1);
  std::latch may_answer(1);
  source_.check_failure = [&](const RawId&) -> std::optional<Error> {
    asked.count_down();
    may_answer.wait();
    return Error{ErrorCode::Invalid, "no", kKeyDisabled};
  };
  source_.fail_with(ErrorCode::Invalid, kKeyDisabled);
  std::thread checking([&] { EXPECT_FALSE(keys_.for_encryption()); });
  asked.wait();
  EXPECT_TRUE(keys_.for_encryption());
  EXPECT_TRUE(keys_.for_decryption(raw(1)));
  EXPECT_EQ(source_.checks, 1);
  may_answer.count_down();
  checking.join();
  EXPECT_FALSE(keys_.holds(raw(1)));
}

TEST_F(LeasedKeysTest, ClearForgets) {
  ASSERT_TRUE(keys_.for_encryption());
  keys_.clear();
  ASSERT_TRUE(keys_.for_encryption());
  EXPECT_EQ(source_.calls, 2);
}

// A response to a call from before a refusal is not trusted: while the source is asked for the active key, it refuses
// another.
TEST_F(LeasedKeysTest, WhatARefusalOvertookIsAskedForAgain) {
  source_.failure = [&](const Name& name) -> std::optional<Error> {
    if (name) return Error{ErrorCode::Invalid, "no", kKeyDisabled};
    if (source_.calls == 1) {
      EXPECT_FALSE(keys_.for_decryption(raw(2)));
      return std::nullopt;
    }
    return Error{ErrorCode::Invalid, "no", kKeyDisabled};
  };
  EXPECT_THAT(keys_.for_encryption(), IsErrorFor("cmek_key_disabled"));
  EXPECT_EQ(keys_.counts().leases, 0U);
}

TEST_F(LeasedKeysTest, ASourceThatThrowsLeavesNobodyWaiting) {
  source_.failure = [](const Name&) -> std::optional<Error> { throw std::bad_alloc(); };
  EXPECT_THROW((void)keys_.for_encryption(), std::bad_alloc);
  EXPECT_EQ(keys_.counts().questions, 0U);
  source_.lease_again();
  EXPECT_TRUE(keys_.for_encryption());
}

// All threads ask at once; the source responds once all of them wait.
TEST_F(LeasedKeysTest, ManyThreadsMakeOneQuestion) {
  constexpr int kThreads = 16;
  for (bool refuses : {false, true}) {
    keys_.clear();
    source_.calls = 0;
    std::latch all_there(kThreads);
    source_.failure = [&](const Name&) -> std::optional<Error> {
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
      EXPECT_EQ(source_.calls, 1);
    }
    EXPECT_EQ(keys_.counts().questions, 0U);
  }
}

TEST_F(LeasedKeysTest, OthersGoOnWhileOneRenews) {
  ASSERT_TRUE(keys_.for_encryption());
  clock_.advance(seconds(50));
  std::latch asked(1);
  std::latch may_answer(1);
  source_.failure = [&](const Name&) -> std::optional<Error> {
    asked.count_down();
    may_answer.wait();
    return std::nullopt;
  };
  std::thread renewing([&] { EXPECT_TRUE(keys_.for_encryption()); });
  asked.wait();
  EXPECT_TRUE(keys_.for_encryption()) << "with what is left of the lease";
  EXPECT_EQ(source_.calls, 2);
  may_answer.count_down();
  renewing.join();
}

}  // namespace
}  // namespace latchkey::library
