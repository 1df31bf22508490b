// How leases age, and are renewed.
#include <gmock/gmock.h>

#include "keyring/testing/keyring_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::keyring {
namespace {

using namespace std::chrono_literals;
using latchkey::testing::IsError;
using testing::kIdle;

class KeyringRenewalTest : public testing::KeyringTest {};

TEST_F(KeyringRenewalTest, AKeyInUseIsRenewedBehindItsRequests) {
  auto id = encrypting().value().key->id();
  provider.unwraps = 0;
  int asked_by_requests = 0;
  for (int second = 0; second < 600; ++second) {
    clock.advance(1s);
    run_background_task();
    int before = provider.unwraps;
    // A request that waits for its key needs turns of the loop that this one is not given.
    bool answered = false;
    auto call = [&]() -> Task<void> {
      auto lease = co_await keyring->for_decryption(customer, id, soon());
      answered = static_cast<bool>(lease);
    };
    boost::asio::co_spawn(context, call(), boost::asio::detached);
    context.restart();
    context.run();
    asked_by_requests += provider.unwraps - before > 1 ? 1 : 0;
    EXPECT_TRUE(answered) << second;
  }
  EXPECT_EQ(asked_by_requests, 0);
  EXPECT_GE(provider.unwraps, 10);
  EXPECT_LE(provider.unwraps, 11);
}

Error no_turn() {
  return {ErrorCode::KeyUnreachable, "as the test says", kms::reason::kNoTurn};
}

TEST_F(KeyringRenewalTest, WhereNoTurnCameNothingIsBridged) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = no_turn();
  for (int second = 0; second < 60; ++second) {
    clock.advance(1s);
    run_background_task();
    context.restart();
    context.run();
    if (second < 59) {
      EXPECT_TRUE(decrypting(id)) << second;
    }
  }
  clock.advance(1s);
  for (int i = 0; i < 3; ++i) {
    auto late = decrypting(id);
    ASSERT_FALSE(late) << "past soft and its slack";
    EXPECT_EQ(late.error().code, ErrorCode::KeyUnreachable);
    EXPECT_EQ(late.error().reason, kms::reason::kNoTurn);
  }
  EXPECT_FALSE(encrypting());
  provider.unwrap_error.reset();
  EXPECT_TRUE(decrypting(id)) << "at once, for nothing was noted of the key";
}

TEST_F(KeyringRenewalTest, WhereNoTurnCameNobodyIsToldOfTheKey) {
  struct Observer final : KeyObserver {
    void proved(const std::string&) override {}
    void failed(const std::string&, const Error&) override { ++failures; }
    int failures = 0;
  } observer;
  keyring =
      std::make_unique<Keyring>(*store, provider, clock, random, context.get_executor(), KeyringSettings{}, &observer);
  provider.wrap_error = no_turn();
  EXPECT_FALSE(encrypting());
  provider.wrap_error.reset();
  auto lease = encrypting();
  ASSERT_TRUE(lease) << "no cached_failure is remembered";
  provider.unwrap_error = no_turn();
  clock.advance(kIdle);
  EXPECT_FALSE(decrypting(lease.value().key->id()));
  EXPECT_EQ(observer.failures, 0);
  provider.unwrap_error = error(ErrorCode::KeyUnreachable, kms::reason::kTimedOut);
  EXPECT_TRUE(decrypting(lease.value().key->id())) << "an outage is bridged as ever";
  EXPECT_EQ(observer.failures, 1);
}

TEST_F(KeyringRenewalTest, AProvenKeyIsAskedAgainByTheClassOfRenewals) {
  testing::FakeProvider renewals;
  KeyringSettings settings;
  settings.renewals = &renewals;
  start(settings);
  auto id = encrypting().value().key->id();
  EXPECT_EQ(renewals.unwraps, 0) << "what lets us in anew";
  provider.unwraps = 0;
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(renewals.unwraps, 1);
  EXPECT_EQ(provider.unwraps, 0);
  renewals.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(kIdle);
  EXPECT_FALSE(decrypting(id));
  clock.advance(10s);
  EXPECT_FALSE(decrypting(id));
  clock.advance(10s);
  run_background_task();
  context.restart();
  context.run();
  EXPECT_EQ(renewals.unwraps, 2) << "a key that refuses is proven no longer";
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringRenewalTest, ALeaseNamesTheUnwrapThatItRidesOn) {
  provider.request_id = "first";
  auto made = encrypting().value();
  ASSERT_TRUE(made.kms_request_id);
  EXPECT_EQ(*made.kms_request_id, "first");
  auto [other, other_key] = second_data_key();
  provider.request_id = "renewal";
  clock.advance(kIdle);
  // One unwrap speaks for every lease of that version.
  EXPECT_EQ(*decrypting(made.key->id()).value().kms_request_id, "renewal");
  provider.request_id = "not asked";
  EXPECT_EQ(*decrypting(other, other_key).value().kms_request_id, "renewal");
  forget_leases();
  provider.request_id.clear();
  EXPECT_FALSE(encrypting().value().kms_request_id);
}

TEST_F(KeyringRenewalTest, AnIdleKeyIsNotRenewed) {
  auto id = encrypting().value().key->id();
  clock.advance(1s);
  EXPECT_TRUE(decrypting(id));
  provider.unwraps = 0;
  for (int second = 0; second < 3600; ++second) {
    clock.advance(1s);
    run_background_task();
    context.restart();
    context.run();
  }
  EXPECT_EQ(provider.unwraps, 1) << "for the use before";
  EXPECT_EQ(keyring->size(), 1U);
  for (int second = 0; second < 120; ++second) {
    clock.advance(1s);
    run_background_task();
  }
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringRenewalTest, RequestsDoNotWaitForARenewalThatIsInTime) {
  auto id = encrypting().value().key->id();
  clock.advance(60s);
  provider.hangs = true;
  std::optional<Result<Lease>> served;
  auto call = [&]() -> Task<void> {
    auto lease = co_await keyring->for_decryption(customer, id, soon());
    served.emplace(std::move(lease));
  };
  boost::asio::co_spawn(context, call(), boost::asio::detached);
  context.restart();
  for (int turns = 0; turns < 100 && !served; ++turns) context.run_one();
  EXPECT_TRUE(served && *served);
  provider.hangs = false;
  context.run();
}

TEST_F(KeyringRenewalTest, WithoutTheBackgroundTaskARenewalThatRefusesEndsAccessAllTheSame) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(60s);
  EXPECT_TRUE(decrypting(id)) << "its renewal is asked behind it";
  EXPECT_EQ(keyring->size(), 0U);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyDenied));
}

TEST_F(KeyringRenewalTest, PastSoftOneUnwrapRenewsEveryLease) {
  std::vector<std::pair<Compartment, RawId>> all{{customer, encrypting().value().key->id()}};
  for (int i = 0; i < 9; ++i) all.push_back(second_data_key());
  provider.unwraps = 0;
  clock.advance(kIdle);
  std::size_t next = 0;
  int good = 0;
  at_once(50, [&]() -> Task<void> {
    auto [compartment, id] = all[next++ % all.size()];
    auto lease = co_await keyring->for_decryption(compartment, id, soon());
    good += lease ? 1 : 0;
  });
  EXPECT_EQ(good, 50);
  EXPECT_EQ(provider.unwraps, 1);
  EXPECT_EQ(decrypting(all[5].first, all[5].second).value().expires_at, clock.age_time() + 1h);
  EXPECT_EQ(provider.unwraps, 1);
}

TEST_F(KeyringRenewalTest, ADisabledVersionIsNotRenewedByAnother) {
  auto old_id = encrypting().value().key->id();
  provider.version = "v2";
  auto [other, new_id] = second_data_key();
  provider.refused_versions = {"v1"};
  clock.advance(kIdle);
  EXPECT_TRUE(decrypting(other, new_id));
  EXPECT_THAT(decrypting(old_id), IsError(ErrorCode::KeyDenied));
  EXPECT_TRUE(decrypting(other, new_id));
}

TEST_F(KeyringRenewalTest, HardEqualToSoftBridgesNothing) {
  KeyringSettings strict;
  strict.ages.hard = strict.ages.soft;
  start(strict);
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(60s - 1us);
  EXPECT_TRUE(decrypting(id));
  clock.advance(1us);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyUnreachable));
}

// Revoked while the machine slept: whatever the lease was good for before, the vault is asked before it is used.
TEST_F(KeyringRenewalTest, AMachineThatSleptAsksTheVaultBeforeItServesAnything) {
  const std::chrono::microseconds sleeps[] = {kIdle, 30min, 1h, 7 * 24h};
  for (auto slept : sleeps) {
    forget_leases();
    provider.unwrap_error.reset();
    auto id = encrypting().value().key->id();
    provider.unwraps = 0;
    provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
    clock.sleep(slept);
    EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyDenied)) << slept.count();
    EXPECT_EQ(provider.unwraps, 1);
    EXPECT_THAT(encrypting(), IsError(ErrorCode::KeyDenied)) << slept.count();
    EXPECT_EQ(keyring->size(), 0U);
  }
}

TEST_F(KeyringRenewalTest, WhatASleepingMachineHeldIsWipedWithoutARequest) {
  ASSERT_TRUE(encrypting());
  run_background_task();
  clock.sleep(1h);
  run_background_task();
  EXPECT_EQ(keyring->size(), 0U);
}

TEST_F(KeyringRenewalTest, AnOutageIsNotBridgedPastHardBySleeping) {
  auto id = encrypting().value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.sleep(1h - 1s);
  EXPECT_TRUE(decrypting(id));
  clock.sleep(1s);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyUnreachable));
}

// The key let us in, then it was revoked while the machine slept, with the answer already on its way.
TEST_F(KeyringRenewalTest, AResponseFromBeforeASleepProvesNothing) {
  auto id = encrypting().value().key->id();
  const std::chrono::microseconds sleeps[] = {30min, 7 * 24h};
  for (auto slept : sleeps) {
    clock.advance(kIdle);
    provider.unwraps = 0;
    provider.while_unwrapping = [&] {
      if (provider.unwraps == 1) clock.sleep(slept);
    };
    EXPECT_TRUE(decrypting(id));
    EXPECT_EQ(provider.unwraps, 2) << "asked again after the sleep";
    EXPECT_LE(decrypting(id).value().expires_at, clock.age_time() + 1h);
  }
  clock.advance(kIdle);
  provider.unwraps = 0;
  provider.while_unwrapping = [&] {
    if (provider.unwraps == 1) {
      clock.sleep(30min);
    } else {
      provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
    }
  };
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyDenied));
}

TEST_F(KeyringRenewalTest, ARequestThatSleptMayNotUseTheLeaseThatItHolds) {
  auto lease = encrypting().value();
  clock.sleep(1h - 1us);
  EXPECT_TRUE(keyring->may_use(customer, lease));
  clock.sleep(1us);
  EXPECT_FALSE(keyring->may_use(customer, lease));
}

TEST_F(KeyringRenewalTest, AWallClockThatLeapsForwardCostsOneQuestion) {
  auto id = encrypting().value().key->id();
  const std::chrono::microseconds leaps[] = {2min, 30min, 365 * 24h};
  for (auto leap : leaps) {
    provider.unwraps = 0;
    clock.leap_wall(leap);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(decrypting(id));
    EXPECT_EQ(provider.unwraps, 1);
    clock.leap_wall(-leap);
    EXPECT_TRUE(decrypting(id));
    EXPECT_EQ(provider.unwraps, 1) << "and none where it is put right";
  }
}

TEST_F(KeyringRenewalTest, AWallClockThatLeapsBackMakesNothingYounger) {
  auto id = encrypting().value().key->id();
  clock.leap_wall(-24h);
  provider.unwraps = 0;
  clock.advance(29s);
  EXPECT_TRUE(decrypting(id));
  EXPECT_EQ(provider.unwraps, 0);
  provider.unwrap_error = error(ErrorCode::KeyDenied, kms::reason::kKeyDisabled);
  clock.advance(kIdle);
  EXPECT_THAT(decrypting(id), IsError(ErrorCode::KeyDenied));
}

TEST_F(KeyringRenewalTest, AnOrganisationMaySwitchBridgingOff) {
  auto strict = customer;
  strict.ages = LeaseAges{30s, 30s};
  auto id = encrypting(strict).value().key->id();
  provider.unwrap_error = error(ErrorCode::KeyUnreachable);
  clock.advance(30s - 1us);
  EXPECT_TRUE(decrypting(strict, id));
  clock.advance(1us);
  EXPECT_THAT(decrypting(strict, id), IsError(ErrorCode::KeyUnreachable));
}

}  // namespace
}  // namespace latchkey::keyring
