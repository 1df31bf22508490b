#include "health/health_monitor.hpp"

#include <gmock/gmock.h>

#include "health/testing/health_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::health {
namespace {

using latchkey::testing::IsError;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct HealthMonitorTest : ::testing::Test {
  testing::HealthFixture fixture;

  int checks_after(std::chrono::milliseconds time) {
    auto before = fixture.provider.wraps;
    fixture.settle_after(time);
    return fixture.provider.wraps - before;
  }
};

TEST_F(HealthMonitorTest, AnAttachedKeyIsHealthyAndNotAskedAgainAtOnce) {
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_EQ(checks_after(minutes(3)), 0);
  EXPECT_EQ(checks_after(minutes(2)), 1);
  EXPECT_EQ(fixture.stored()->last_success_at, fixture.clock.now());
  EXPECT_THAT(fixture.changes(), IsEmpty());
}

TEST_F(HealthMonitorTest, RunsByItselfUntilItIsStopped) {
  auto& context = fixture.context;
  context.restart();
  auto task = fixture.monitor->start();
  while (fixture.provider.wraps == 0 || !fixture.monitor->idle()) context.run_one();
  // An event wakes it long before the next check is due.
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  while (!fixture.monitor->idle()) context.run_one();
  fixture.monitor->stop();
  context.run();
  EXPECT_EQ(fixture.state(), State::Refused);
}

TEST_F(HealthMonitorTest, WhatProvesTheKeySparesTheCheck) {
  fixture.settle();
  for (int i = 0; i < 10; ++i) {
    fixture.clock.advance(minutes(1));
    fixture.monitor->proved(fixture.key.id);
    EXPECT_EQ(checks_after(seconds(0)), 0);
  }
  EXPECT_EQ(fixture.health().last_success_at, fixture.clock.now());
  EXPECT_EQ(checks_after(minutes(5)), 1);
}

TEST_F(HealthMonitorTest, ARefusalIsKnownAtTheNextCheckAndProbedEverMoreSlowly) {
  fixture.settle();
  fixture.provider.failure = testing::HealthFixture::refusal();
  EXPECT_EQ(checks_after(minutes(5)), 1);
  auto health = fixture.health();
  EXPECT_EQ(health.state, State::Refused);
  EXPECT_EQ(health.since, fixture.clock.now());
  EXPECT_EQ(health.reason, "role_missing");
  EXPECT_EQ(health.cause, "the role is gone");
  EXPECT_EQ(health.cure, "Give it back");
  // Whoever holds leases must ask again.
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing"));
  // After 10, 20, 40, 60, 60 s, each up to a fifth earlier.
  for (int wait : {10, 20, 40, 60, 60}) {
    EXPECT_EQ(checks_after(seconds(wait / 2)), 0) << wait;
    EXPECT_EQ(checks_after(seconds(wait - wait / 2)), 1) << wait;
  }
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, AKeyThatLetsUsInAgainIsForgottenByTheKeyring) {
  fixture.settle();
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
  EXPECT_EQ(checks_after(seconds(10)), 1);
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing", "refused>healthy "));
  EXPECT_FALSE(fixture.stored()->alarmed);
}

TEST_F(HealthMonitorTest, AProofOfTheKeyringsOwnIsNoNewsToIt) {
  fixture.settle();
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.monitor->proved(fixture.key.id);
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_THAT(fixture.forgotten, IsEmpty());
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing", "refused>healthy "));
}

TEST_F(HealthMonitorTest, AnOutageIsDegradedAndThenUnreachable) {
  fixture.settle();
  fixture.provider.failure = testing::HealthFixture::outage();
  fixture.settle_after(minutes(5));
  EXPECT_EQ(fixture.state(), State::Healthy);
  for (int i = 0; i < 20; ++i) fixture.settle_after(seconds(10));
  EXPECT_EQ(fixture.state(), State::Unreachable);
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>degraded timed_out", "degraded>unreachable timed_out"));
  EXPECT_TRUE(fixture.stored()->alarmed);
  fixture.provider.failure.reset();
  for (int i = 0; i < 20; ++i) fixture.settle_after(seconds(10));
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_FALSE(fixture.stored()->alarmed);
  EXPECT_THAT(fixture.forgotten, IsEmpty());
}

TEST_F(HealthMonitorTest, AFloodOfEqualNewsIsOneWithItsCount) {
  fixture.settle();
  for (int i = 0; i < 100'000; ++i) fixture.monitor->failed(fixture.key.id, testing::HealthFixture::outage());
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Degraded);
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>degraded timed_out"));
}

TEST_F(HealthMonitorTest, OfAFloodOfDifferentNewsTheLatestCount) {
  fixture.settle();
  for (int i = 0; i < 1'000; ++i) {
    fixture.monitor->failed(fixture.key.id, testing::HealthFixture::outage());
    fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  }
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, AnExpiredKeyThatStillOpensIsDegraded) {
  fixture.settle();
  store::DataKey row{.id = make_raw_id(fixture.random),
                     .organization = fixture.workspace.organization,
                     .compartment = fixture.workspace.compartment,
                     .external_key_id = fixture.key.id,
                     .key_version = "version-1",
                     .wrapped = Bytes(64, 7),
                     .state = store::DataKeyState::Active,
                     .created_at = fixture.clock.now()};
  auto insert = [&](store::Transaction& tx) { return tx.insert_active_data_key(row); };
  ASSERT_TRUE(fixture.run(fixture.store().write(insert)));
  Error expired{ErrorCode::KeyDenied, "it expired", kms::reason::kKeyExpired, "Move it"};
  fixture.provider.wrap_failure = expired;
  // The keyring cannot know, but its report is reason enough to check.
  fixture.monitor->failed(fixture.key.id, expired);
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Degraded);
  EXPECT_EQ(fixture.health().reason, "key_expired");
  fixture.monitor->proved(fixture.key.id);
  fixture.settle_after(seconds(5));
  EXPECT_EQ(fixture.state(), State::Degraded);
  // However often the key unwraps, the monitor checks whether it wraps again.
  auto checks = 0;
  for (int i = 0; i < 30; ++i) {
    fixture.monitor->proved(fixture.key.id);
    checks += checks_after(seconds(2));
  }
  EXPECT_GT(checks, 0);
  EXPECT_EQ(fixture.state(), State::Degraded);
  // The key does not even unwrap any more.
  fixture.provider.failure = testing::HealthFixture::refusal();
  fixture.settle_after(minutes(1));
  EXPECT_EQ(fixture.state(), State::Refused);
  EXPECT_EQ(fixture.forgotten.size(), 1U);
  fixture.provider.failure.reset();
  fixture.settle_after(minutes(1));
  EXPECT_EQ(fixture.state(), State::Degraded);
  EXPECT_EQ(fixture.forgotten.size(), 2U);
  fixture.provider.wrap_failure.reset();
  fixture.settle_after(minutes(1));
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_EQ(fixture.forgotten.size(), 3U);
}

TEST_F(HealthMonitorTest, AnExpiredKeyWithNothingToOpenRefuses) {
  fixture.settle();
  fixture.provider.wrap_failure = Error{ErrorCode::KeyDenied, "it expired", kms::reason::kKeyExpired, "Move it"};
  fixture.settle_after(minutes(5));
  EXPECT_EQ(fixture.state(), State::Refused);
}

TEST_F(HealthMonitorTest, AValidationThatPassesMakesItImmediate) {
  fixture.settle();
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.settle();
  fixture.monitor->validated(fixture.key.id, true);
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Healthy);
  // The monitor drops nothing under a healthy key.
  fixture.monitor->validated(fixture.key.id, true);
  fixture.settle();
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
}

TEST_F(HealthMonitorTest, AValidationBehindARefusalThatWasNotTakenYetCountsToo) {
  fixture.settle();
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.monitor->validated(fixture.key.id, true);
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Healthy);
}

TEST_F(HealthMonitorTest, AValidationThatFailsHasTheKeyCheckedWhichMayStillServe) {
  fixture.settle();
  fixture.monitor->validated(fixture.key.id, false);
  EXPECT_EQ(checks_after(seconds(0)), 1);
  EXPECT_EQ(fixture.state(), State::Healthy);
}

TEST_F(HealthMonitorTest, StateAndSinceOutliveARestart) {
  fixture.settle();
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.settle();
  auto before = fixture.health();
  fixture.provider.failure = testing::HealthFixture::refusal();
  fixture.clock.advance(std::chrono::hours(2));
  fixture.rebuild_monitor();
  EXPECT_EQ(checks_after(seconds(0)), 1);
  EXPECT_EQ(fixture.health().since, before.since);
  EXPECT_EQ(fixture.state(), State::Refused);
  EXPECT_THAT(fixture.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, ARestartAloneAsksNoHealthyKey) {
  fixture.settle();
  fixture.clock.advance(minutes(1));
  fixture.rebuild_monitor();
  EXPECT_EQ(checks_after(seconds(0)), 0);
  EXPECT_EQ(checks_after(minutes(4)), 1);
}

TEST_F(HealthMonitorTest, KeysThatNobodyUsesAreNotAsked) {
  auto loose = fixture.make_key("loose").row;
  fixture.settle();
  EXPECT_EQ(checks_after(minutes(5)), 1);
  fixture.monitor->validated(loose.id, true);
  fixture.monitor->failed("ekey_none", testing::HealthFixture::refusal());
  fixture.settle();
  auto shown = fixture.run(fixture.monitor->health_of(fixture.admin(), loose.id)).value();
  EXPECT_EQ(shown.state, State::Unknown);
  EXPECT_EQ(shown.since, loose.created_at);
  EXPECT_EQ(shown.cause, "it is attached to no workspace, and so it is not checked");
}

TEST_F(HealthMonitorTest, OtherOrganizationsKeysAreNotThere) {
  EXPECT_THAT(fixture.run(fixture.monitor->health_of(fixture.stranger(), fixture.key.id)),
              IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.monitor->health_of(fixture.admin(), "ekey_none")), IsError(ErrorCode::NotFound));
}

TEST_F(HealthMonitorTest, AtMostSoManyChecksAtOnceTheRefusedFirst) {
  for (int i = 0; i < 4; ++i) {
    auto key = fixture.make_key("k" + std::to_string(i)).row;
    auto home = fixture.make_workspace("w" + std::to_string(i));
    ASSERT_TRUE(fixture.attach(home.id, key.id));
    if (i == 3) fixture.monitor->failed(key.id, testing::HealthFixture::refusal());
  }
  fixture.settle();
  // The refused key is checked first, and its check hangs.
  std::vector<std::function<void()>> hanging;
  auto hang = [&]() -> Task<void> {
    auto wait = suspend([&](std::function<void()> resume) { hanging.push_back(std::move(resume)); });
    co_await std::move(wait);
  };
  fixture.clock.advance(minutes(5));
  fixture.provider.interruption = hang;
  auto began = fixture.provider.wraps + 1;
  fixture.run_once();
  while (hanging.empty()) fixture.run_once();
  // The other place checks the other four keys, one after the other.
  while (fixture.provider.wraps < began + 4) fixture.run_once();
  EXPECT_EQ(fixture.provider.wraps, began + 4);
  EXPECT_FALSE(fixture.monitor->idle());
  EXPECT_THAT(fixture.forgotten, IsEmpty());
  for (auto& resume : std::exchange(hanging, {})) resume();
  fixture.settle();
  EXPECT_EQ(fixture.forgotten.size(), 1U);
}

TEST_F(HealthMonitorTest, ACheckThatGetsNowhereWhileRequestsDoIsNoFailure) {
  fixture.settle();
  fixture.provider.failure = testing::HealthFixture::outage();
  fixture.provider.interruption = [&]() -> Task<void> {
    fixture.clock.advance(seconds(1));
    fixture.monitor->proved(fixture.key.id);
    co_return;
  };
  for (int i = 0; i < 6; ++i) {
    fixture.settle_after(minutes(5));
    fixture.provider.interruption = [&]() -> Task<void> {
      fixture.clock.advance(seconds(1));
      fixture.monitor->proved(fixture.key.id);
      co_return;
    };
  }
  EXPECT_EQ(fixture.state(), State::Healthy);
}

TEST(HealthMonitorOff, WithoutAnIntervalEventsCountAndNoKeyIsAsked) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthFixture fixture(off);
  auto before = fixture.provider.calls();
  fixture.settle();
  fixture.settle_after(std::chrono::hours(1));
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
  fixture.settle_after(std::chrono::hours(1));
  EXPECT_EQ(fixture.provider.calls(), before);
}

TEST(HealthMonitorOff, AValidationThatFailsIsLookedIntoWhateverTheInterval) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthFixture fixture(off);
  fixture.settle();
  fixture.monitor->proved(fixture.key.id);
  fixture.settle();
  fixture.provider.failure = testing::HealthFixture::refusal();
  fixture.monitor->validated(fixture.key.id, false);
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  auto calls = fixture.provider.calls();
  fixture.settle_after(std::chrono::hours(1));
  EXPECT_EQ(fixture.provider.calls(), calls);
}

TEST(HealthMonitorOff, EventsDoNotPutOffACheckThatWasAskedFor) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthFixture fixture(off);
  fixture.settle();
  fixture.monitor->proved(fixture.key.id);
  fixture.settle();
  fixture.provider.failure = testing::HealthFixture::refusal();
  fixture.monitor->validated(fixture.key.id, false);
  fixture.monitor->proved(fixture.key.id);
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
}

}  // namespace
}  // namespace latchkey::health
