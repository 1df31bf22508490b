#include "health/kill_switch.hpp"

#include <gmock/gmock.h>

#include "admin/compartments.hpp"
#include "health/testing/health_world.hpp"

namespace latchkey::health {
namespace {

using admin::testing::text_of;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct KillSwitchTest : ::testing::Test {
  testing::HealthWorld world;
  KillSwitch kill_switch{world.store(), world.clock, world.random, *world.monitor,
                         [this](const std::string& id) { world.forgotten.push_back(id); }};

  KillSwitchTest() { world.settle(); }

  Result<store::ExternalKeyHealth> suspend(std::optional<std::string> reason = "incident 7") {
    return world.run(kill_switch.suspend(world.admin(), world.key.id, std::move(reason)));
  }
  Result<store::ExternalKeyHealth> resume() { return world.run(kill_switch.resume(world.admin(), world.key.id)); }
  bool opens(admin::Purpose purpose = admin::Purpose::Decrypt) {
    auto caller = world.admin();
    caller.role = store::Role::Service;
    admin::Compartments compartments(world.store());
    return world.run(compartments.open(caller, world.workspace.id, purpose)).has_value();
  }
};

TEST_F(KillSwitchTest, EndsAccessDropsLeasesAndSaysWhy) {
  EXPECT_TRUE(opens());
  auto health = suspend();
  ASSERT_TRUE(health);
  EXPECT_EQ(health.value().state, State::Suspended);
  EXPECT_EQ(health.value().since, world.clock.now());
  EXPECT_EQ(health.value().reason, "suspended");
  EXPECT_EQ(health.value().cause, "external key " + world.key.id + " was suspended here by " +
                                      world.admin().api_key_id + " at " + format_timestamp(world.clock.now()) +
                                      " (\"incident 7\")");
  EXPECT_EQ(health.value().cure, "An admin of the organisation ends it: latchkey keys resume " + world.key.id);
  EXPECT_TRUE(health.value().alarmed);
  EXPECT_THAT(world.forgotten, ElementsAre(world.key.id));
  EXPECT_FALSE(opens());
  EXPECT_FALSE(opens(admin::Purpose::Encrypt));
  auto activity = world.last_activity("org_external_key_suspended");
  EXPECT_EQ(text_of(activity.at("external_key_id")), world.key.id);
  EXPECT_EQ(text_of(activity.at("reason")), "incident 7");
  EXPECT_EQ(activity.at("actor").at("admin_api_key_id"), boost::json::value(world.admin().api_key_id));
}

TEST_F(KillSwitchTest, NobodyAsksTheKeyMeanwhileAndNothingHeardChangesIt) {
  ASSERT_TRUE(suspend());
  auto calls = world.provider.calls();
  world.monitor->proved(world.key.id);
  world.monitor->failed(world.key.id, testing::HealthWorld::refusal());
  world.monitor->validated(world.key.id, true);
  for (int i = 0; i < 10; ++i) world.settle_after(minutes(1));
  EXPECT_EQ(world.state(), State::Suspended);
  EXPECT_EQ(world.provider.calls(), calls);
  EXPECT_THAT(world.changes(), IsEmpty());
  // What a request brought that was under way is dropped, too.
  EXPECT_GT(world.forgotten.size(), 1U);
}

TEST_F(KillSwitchTest, ItOutlivesARestart) {
  ASSERT_TRUE(suspend());
  auto calls = world.provider.calls();
  world.rebuild_monitor();
  world.settle();
  world.settle_after(minutes(5));
  EXPECT_EQ(world.state(), State::Suspended);
  EXPECT_FALSE(opens());
  EXPECT_EQ(world.provider.calls(), calls);
}

TEST_F(KillSwitchTest, ResumingAsksAtOnceAndWhatTheKeySaysIsItsHealth) {
  ASSERT_TRUE(suspend());
  world.clock.advance(seconds(30));
  auto health = resume();
  ASSERT_TRUE(health);
  EXPECT_EQ(health.value().state, State::Unknown);
  EXPECT_TRUE(opens());
  world.settle();
  EXPECT_EQ(world.state(), State::Healthy);
  EXPECT_FALSE(world.stored()->alarmed);
  EXPECT_THAT(world.changes(), ElementsAre("unknown>healthy "));
  EXPECT_EQ(text_of(world.last_activity("org_external_key_resumed").at("external_key_id")), world.key.id);
}

TEST_F(KillSwitchTest, ResumingAKeyThatRefusesSaysSo) {
  ASSERT_TRUE(suspend());
  world.provider.failure = testing::HealthWorld::refusal();
  ASSERT_TRUE(resume());
  world.settle();
  EXPECT_EQ(world.state(), State::Refused);
}

// Another server on the database may have been let in since the refusal was told.
TEST_F(KillSwitchTest, SuspendingAKeyThatRefusesIsToldToOtherServers) {
  world.provider.failure = testing::HealthWorld::refusal();
  world.settle_after(minutes(5));
  ASSERT_EQ(world.state(), State::Refused);
  auto last_notice = [&] {
    return world.run(world.store().read([](store::Transaction& tx) { return tx.last_notice(); })).value();
  };
  auto before = last_notice();
  ASSERT_TRUE(suspend());
  EXPECT_EQ(last_notice(), before + 1);
}

TEST_F(KillSwitchTest, TwiceIsOnce) {
  auto first = suspend().value();
  world.clock.advance(seconds(5));
  EXPECT_EQ(suspend("another").value(), first);
  ASSERT_TRUE(resume());
  auto known = resume();
  ASSERT_TRUE(known);
  auto types = world.activity_types();
  EXPECT_EQ(std::count(types.begin(), types.end(), "org_external_key_suspended"), 1);
  EXPECT_EQ(std::count(types.begin(), types.end(), "org_external_key_resumed"), 1);
}

TEST_F(KillSwitchTest, ACheckThatIsOnItsWayDoesNotUndoIt) {
  std::function<void()> go_on;
  world.provider.interruption = [&]() -> Task<void> {
    auto wait = ::latchkey::suspend([&](std::function<void()> resume) { go_on = std::move(resume); });
    co_await std::move(wait);
  };
  world.clock.advance(minutes(5));
  while (!go_on) world.attend();
  ASSERT_TRUE(suspend());
  go_on();
  world.settle();
  EXPECT_EQ(world.state(), State::Suspended);
  EXPECT_EQ(world.stored()->state, State::Suspended);
}

TEST_F(KillSwitchTest, OtherOrganizationsKeysAreNotThere) {
  auto suspended = world.run(kill_switch.suspend(world.stranger(), world.key.id, std::nullopt));
  ASSERT_FALSE(suspended);
  EXPECT_EQ(suspended.error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.run(kill_switch.resume(world.stranger(), world.key.id)).error().code, ErrorCode::NotFound);
  EXPECT_TRUE(opens());
  EXPECT_THAT(world.forgotten, IsEmpty());
}

TEST_F(KillSwitchTest, AnotherServersKillSwitchIsSeen) {
  HealthMonitor elsewhere(world.store(), world.provider, world.clock, world.random, world.context.get_executor(),
                          world.monitor_settings, [](const std::string&) {});
  KillSwitch other(world.store(), world.clock, world.random, elsewhere, [](const std::string&) {});
  ASSERT_TRUE(world.run(other.suspend(world.admin(), world.key.id, std::nullopt)));
  world.settle_after(seconds(10));
  world.settle_after(seconds(10));
  EXPECT_THAT(world.forgotten, ::testing::Contains(world.key.id));
  ASSERT_TRUE(world.run(other.resume(world.admin(), world.key.id)));
  world.settle_after(seconds(10));
  EXPECT_EQ(world.state(), State::Healthy);
}

}  // namespace
}  // namespace latchkey::health
