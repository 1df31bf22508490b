#include "health/health_monitor.hpp"

#include <gmock/gmock.h>

#include "health/testing/health_world.hpp"

namespace latchkey::health {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct HealthMonitorTest : ::testing::Test {
  testing::HealthWorld world;

  int checks_after(std::chrono::milliseconds time) {
    auto before = world.provider.wraps;
    world.settle_after(time);
    return world.provider.wraps - before;
  }
};

TEST_F(HealthMonitorTest, AnAttachedKeyIsHealthyAndNotAskedAgainAtOnce) {
  world.settle();
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_EQ(checks_after(minutes(3)), 0);
  EXPECT_EQ(checks_after(minutes(2)), 1);
  EXPECT_EQ(world.stored()->last_success_at, world.clock.now());
  EXPECT_THAT(world.changes(), IsEmpty());
}

TEST_F(HealthMonitorTest, WhatProvesTheKeySparesTheCheck) {
  world.settle();
  for (int i = 0; i < 10; ++i) {
    world.clock.advance(minutes(1));
    world.monitor->proved(world.key.id);
    EXPECT_EQ(checks_after(seconds(0)), 0);
  }
  EXPECT_EQ(world.health().last_success_at, world.clock.now());
  EXPECT_EQ(checks_after(minutes(5)), 1);
}

TEST_F(HealthMonitorTest, ARefusalIsKnownAtTheNextCheckAndProbedEverMoreSlowly) {
  world.settle();
  world.provider.failure = testing::HealthWorld::refusal();
  EXPECT_EQ(checks_after(minutes(5)), 1);
  auto health = world.health();
  EXPECT_EQ(health.state, State::Refused);
  EXPECT_EQ(health.since, world.clock.now());
  EXPECT_EQ(health.reason, "role_missing");
  EXPECT_EQ(health.cause, "the role is gone");
  EXPECT_EQ(health.cure, "Give it back");
  // Whoever holds leases is to ask.
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing"));
  // 10, 20, 40, 60, 60: each up to a fifth earlier.
  for (int wait : {10, 20, 40, 60, 60}) {
    EXPECT_EQ(checks_after(seconds(wait / 2)), 0) << wait;
    EXPECT_EQ(checks_after(seconds(wait - wait / 2)), 1) << wait;
  }
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, AKeyThatLetsUsInAgainIsForgottenByTheKeyring) {
  world.settle();
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
  EXPECT_EQ(checks_after(seconds(10)), 1);
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing", "refused>healthy "));
  EXPECT_FALSE(world.stored()->alarmed);
}

TEST_F(HealthMonitorTest, AProofOfTheKeyringsOwnIsNoNewsToIt) {
  world.settle();
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.monitor->proved(world.key.id);
  world.settle();
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_THAT(world.forgotten, IsEmpty());
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing", "refused>healthy "));
}

TEST_F(HealthMonitorTest, AnOutageIsDegradedAndThenUnreachable) {
  world.settle();
  world.provider.failure = testing::HealthWorld::outage();
  world.settle_after(minutes(5));
  EXPECT_EQ(world.state(), State::Healthy);
  for (int i = 0; i < 20; ++i) world.settle_after(seconds(10));
  EXPECT_EQ(world.state(), State::Unreachable);
  EXPECT_THAT(world.changes(), ElementsAre("healthy>degraded timed_out", "degraded>unreachable timed_out"));
  EXPECT_TRUE(world.stored()->alarmed);
  world.provider.failure.reset();
  for (int i = 0; i < 20; ++i) world.settle_after(seconds(10));
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_FALSE(world.stored()->alarmed);
  EXPECT_THAT(world.forgotten, IsEmpty());
}

TEST_F(HealthMonitorTest, AFloodOfEqualNewsIsOneWithItsCount) {
  world.settle();
  for (int i = 0; i < 100'000; ++i) world.monitor->failed(world.key.id, testing::HealthWorld::outage());
  world.settle();
  EXPECT_EQ(world.state(), State::Degraded);
  EXPECT_THAT(world.changes(), ElementsAre("healthy>degraded timed_out"));
}

TEST_F(HealthMonitorTest, OfAFloodOfDifferentNewsTheLatestCount) {
  world.settle();
  for (int i = 0; i < 1'000; ++i) {
    world.monitor->failed(world.key.id, testing::HealthWorld::outage());
    world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  }
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, AnExpiredKeyThatStillOpensIsDegraded) {
  world.settle();
  store::DataKey row{.id = make_raw_id(world.random),
                     .organization = world.workspace.organization,
                     .compartment = world.workspace.compartment,
                     .external_key_id = world.key.id,
                     .key_version = "version-1",
                     .wrapped = Bytes(64, 7),
                     .state = store::DataKeyState::Active,
                     .created_at = world.clock.now()};
  auto insert = [&](store::Transaction& tx) { return tx.insert_active_data_key(row); };
  ASSERT_TRUE(world.run(world.store().write(insert)));
  Error expired{ErrorCode::KeyDenied, "it expired. Move it", std::string(kms::reason::kKeyExpired)};
  world.provider.wrap_failure = expired;
  // The keyring cannot know; that it was heard is reason enough to look.
  world.monitor->failed(world.key.id, expired);
  world.settle();
  EXPECT_EQ(world.state(), State::Degraded);
  EXPECT_EQ(world.health().reason, "key_expired");
  world.monitor->proved(world.key.id);
  world.settle_after(seconds(5));
  EXPECT_EQ(world.state(), State::Degraded);
  // However often it opens, it is checked whether it wraps again.
  auto checks = 0;
  for (int i = 0; i < 30; ++i) {
    world.monitor->proved(world.key.id);
    checks += checks_after(seconds(2));
  }
  EXPECT_GT(checks, 0);
  EXPECT_EQ(world.state(), State::Degraded);
  // Not even opening works any more.
  world.provider.failure = testing::HealthWorld::refusal();
  world.settle_after(minutes(1));
  EXPECT_EQ(world.state(), State::Refused);
  EXPECT_EQ(world.forgotten.size(), 1U);
  world.provider.failure.reset();
  world.settle_after(minutes(1));
  EXPECT_EQ(world.state(), State::Degraded);
  EXPECT_EQ(world.forgotten.size(), 2U);
  world.provider.wrap_failure.reset();
  world.settle_after(minutes(1));
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_EQ(world.forgotten.size(), 3U);
}

TEST_F(HealthMonitorTest, AnExpiredKeyWithNothingToOpenRefuses) {
  world.settle();
  world.provider.wrap_failure =
      Error{ErrorCode::KeyDenied, "it expired. Move it", std::string(kms::reason::kKeyExpired)};
  world.settle_after(minutes(5));
  EXPECT_EQ(world.state(), State::Refused);
}

TEST_F(HealthMonitorTest, AValidationThatPassesMakesItImmediate) {
  world.settle();
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.settle();
  world.monitor->validated(world.key.id, true);
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  world.settle();
  EXPECT_EQ(world.state(), State::Healthy);
  // Of a healthy key it drops nothing.
  world.monitor->validated(world.key.id, true);
  world.settle();
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
}

TEST_F(HealthMonitorTest, AValidationBehindARefusalThatWasNotTakenYetCountsToo) {
  world.settle();
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.monitor->validated(world.key.id, true);
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  world.settle();
  EXPECT_EQ(world.state(), State::Healthy);
}

TEST_F(HealthMonitorTest, AValidationThatFailsHasTheKeyCheckedWhichMayStillServe) {
  world.settle();
  world.monitor->validated(world.key.id, false);
  EXPECT_EQ(checks_after(seconds(0)), 1);
  EXPECT_EQ(world.state(), State::Healthy);
}

TEST_F(HealthMonitorTest, StateAndSinceOutliveARestart) {
  world.settle();
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.settle();
  auto before = world.health();
  world.provider.failure = testing::HealthWorld::refusal();
  world.clock.advance(std::chrono::hours(2));
  world.rebuild_monitor();
  EXPECT_EQ(checks_after(seconds(0)), 1);
  EXPECT_EQ(world.health().since, before.since);
  EXPECT_EQ(world.state(), State::Refused);
  EXPECT_THAT(world.changes(), ElementsAre("healthy>refused role_missing"));
}

TEST_F(HealthMonitorTest, ARestartAloneAsksNoHealthyKey) {
  world.settle();
  world.clock.advance(minutes(1));
  world.rebuild_monitor();
  EXPECT_EQ(checks_after(seconds(0)), 0);
  EXPECT_EQ(checks_after(minutes(4)), 1);
}

TEST_F(HealthMonitorTest, KeysThatNobodyUsesAreNotAsked) {
  auto loose = world.make_key("loose").row;
  world.settle();
  EXPECT_EQ(checks_after(minutes(5)), 1);
  world.monitor->validated(loose.id, true);
  world.monitor->failed("ekey_none", testing::HealthWorld::refusal());
  world.settle();
  auto shown = world.run(world.monitor->health_of(world.admin(), loose.id)).value();
  EXPECT_EQ(shown.state, State::Unknown);
  EXPECT_EQ(shown.since, loose.created_at);
  EXPECT_EQ(shown.cause, "it is attached to no workspace, and so it is not checked");
}

TEST_F(HealthMonitorTest, OtherOrganizationsKeysAreNotThere) {
  EXPECT_EQ(world.run(world.monitor->health_of(world.stranger(), world.key.id)).error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.run(world.monitor->health_of(world.admin(), "ekey_none")).error().code, ErrorCode::NotFound);
}

TEST_F(HealthMonitorTest, AtMostSoManyChecksAtOnceTheRefusedFirst) {
  for (int i = 0; i < 4; ++i) {
    auto key = world.make_key("k" + std::to_string(i)).row;
    auto home = world.make_workspace("w" + std::to_string(i));
    ASSERT_TRUE(world.attach(home.id, key.id));
    if (i == 3) world.monitor->failed(key.id, testing::HealthWorld::refusal());
  }
  world.settle();
  // The first one asked hangs: that which refused.
  std::vector<std::function<void()>> hanging;
  auto hang = [&]() -> Task<void> {
    auto wait = suspend([&](std::function<void()> resume) { hanging.push_back(std::move(resume)); });
    co_await std::move(wait);
  };
  world.clock.advance(minutes(5));
  world.provider.interruption = hang;
  auto began = world.provider.wraps + 1;
  world.attend();
  while (hanging.empty()) world.attend();
  // The other place serves the other four, one after the other.
  while (world.provider.wraps < began + 4) world.attend();
  EXPECT_EQ(world.provider.wraps, began + 4);
  EXPECT_FALSE(world.monitor->idle());
  EXPECT_THAT(world.forgotten, IsEmpty());
  for (auto& resume : std::exchange(hanging, {})) resume();
  world.settle();
  EXPECT_EQ(world.forgotten.size(), 1U);
}

TEST_F(HealthMonitorTest, ACheckThatGetsNowhereWhileRequestsDoIsNoFailure) {
  world.settle();
  world.provider.failure = testing::HealthWorld::outage();
  world.provider.interruption = [&]() -> Task<void> {
    world.clock.advance(seconds(1));
    world.monitor->proved(world.key.id);
    co_return;
  };
  for (int i = 0; i < 6; ++i) {
    world.settle_after(minutes(5));
    world.provider.interruption = [&]() -> Task<void> {
      world.clock.advance(seconds(1));
      world.monitor->proved(world.key.id);
      co_return;
    };
  }
  EXPECT_EQ(world.state(), State::Healthy);
}

TEST(HealthMonitorOff, WithoutAnIntervalKeysAreHeardOfAndNotAsked) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthWorld world(off);
  auto before = world.provider.calls();
  world.settle();
  world.settle_after(std::chrono::hours(1));
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
  world.settle_after(std::chrono::hours(1));
  EXPECT_EQ(world.provider.calls(), before);
}

TEST(HealthMonitorOff, AValidationThatFailsIsLookedIntoWhateverTheInterval) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthWorld world(off);
  world.settle();
  world.monitor->proved(world.key.id);
  world.settle();
  world.provider.failure = testing::HealthWorld::refusal();
  world.monitor->validated(world.key.id, false);
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  auto calls = world.provider.calls();
  world.settle_after(std::chrono::hours(1));
  EXPECT_EQ(world.provider.calls(), calls);
}

TEST(HealthMonitorOff, WhatIsHeardMeanwhileDoesNotPutOffACheckThatWasAskedFor) {
  MonitorSettings off;
  off.interval = std::chrono::milliseconds(0);
  testing::HealthWorld world(off);
  world.settle();
  world.monitor->proved(world.key.id);
  world.settle();
  world.provider.failure = testing::HealthWorld::refusal();
  world.monitor->validated(world.key.id, false);
  world.monitor->proved(world.key.id);
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
}

}  // namespace
}  // namespace latchkey::health
