#include <gmock/gmock.h>

#include "admin/suspensions.hpp"
#include "data/compartments.hpp"
#include "health/testing/health_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::health {
namespace {

using admin::testing::text_of;
using latchkey::testing::IsError;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct SuspendedKeyTest : ::testing::Test {
  testing::HealthFixture fixture;
  admin::Suspensions suspensions{fixture.store(), fixture.clock, fixture.random, *fixture.monitor,
                                 [this](const std::string& id) { fixture.forgotten.push_back(id); }};

  SuspendedKeyTest() { fixture.settle(); }

  Result<store::ExternalKeyHealth> suspend(std::optional<std::string> reason = "incident 7") {
    return fixture.run(suspensions.suspend(fixture.admin(), fixture.key.id, std::move(reason)));
  }
  Result<store::ExternalKeyHealth> resume() { return fixture.run(suspensions.resume(fixture.admin(), fixture.key.id)); }
  bool opens(data::Purpose purpose = data::Purpose::Decrypt) {
    auto caller = fixture.admin();
    caller.role = store::Role::Service;
    data::Compartments compartments(fixture.store(), fixture.clouds, fixture.clock);
    return fixture.run(compartments.open(caller, fixture.workspace.id, purpose)).has_value();
  }
};

TEST_F(SuspendedKeyTest, EndsAccessDropsLeasesAndSaysWhy) {
  EXPECT_TRUE(opens());
  auto health = suspend();
  ASSERT_TRUE(health);
  EXPECT_EQ(health.value().state, State::Suspended);
  EXPECT_EQ(health.value().since, fixture.clock.now());
  EXPECT_EQ(health.value().reason, "suspended");
  EXPECT_EQ(health.value().cause, "external key " + fixture.key.id + " was suspended here by " +
                                      fixture.admin().api_key_id + " at " + format_timestamp(fixture.clock.now()) +
                                      " (\"incident 7\")");
  EXPECT_EQ(health.value().cure, "An admin of the organisation ends it: latchkey keys resume " + fixture.key.id);
  EXPECT_TRUE(health.value().alarmed);
  EXPECT_THAT(fixture.forgotten, ElementsAre(fixture.key.id));
  EXPECT_FALSE(opens());
  EXPECT_FALSE(opens(data::Purpose::Encrypt));
  auto activity = fixture.last_activity("org_external_key_suspended");
  EXPECT_EQ(text_of(activity.at("external_key_id")), fixture.key.id);
  EXPECT_EQ(text_of(activity.at("reason")), "incident 7");
  EXPECT_EQ(activity.at("actor").at("admin_api_key_id"), boost::json::value(fixture.admin().api_key_id));
}

TEST_F(SuspendedKeyTest, NobodyAsksTheKeyMeanwhileAndNoEventChangesIt) {
  ASSERT_TRUE(suspend());
  auto calls = fixture.provider.calls();
  fixture.monitor->proved(fixture.key.id);
  fixture.monitor->failed(fixture.key.id, testing::HealthFixture::refusal());
  fixture.monitor->validated(fixture.key.id, true);
  for (int i = 0; i < 10; ++i) fixture.settle_after(minutes(1));
  EXPECT_EQ(fixture.state(), State::Suspended);
  EXPECT_EQ(fixture.provider.calls(), calls);
  EXPECT_THAT(fixture.changes(), IsEmpty());
  // A lease that a request under way left behind is dropped, too.
  EXPECT_GT(fixture.forgotten.size(), 1U);
}

TEST_F(SuspendedKeyTest, ItOutlivesARestart) {
  ASSERT_TRUE(suspend());
  auto calls = fixture.provider.calls();
  fixture.rebuild_monitor();
  fixture.settle();
  fixture.settle_after(minutes(5));
  EXPECT_EQ(fixture.state(), State::Suspended);
  EXPECT_FALSE(opens());
  EXPECT_EQ(fixture.provider.calls(), calls);
}

TEST_F(SuspendedKeyTest, ResumingAsksAtOnceAndWhatTheKeySaysIsItsHealth) {
  ASSERT_TRUE(suspend());
  fixture.clock.advance(seconds(30));
  auto health = resume();
  ASSERT_TRUE(health);
  EXPECT_EQ(health.value().state, State::Unknown);
  EXPECT_TRUE(opens());
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Healthy);
  EXPECT_FALSE(fixture.stored()->alarmed);
  EXPECT_THAT(fixture.changes(), ElementsAre("unknown>healthy "));
  EXPECT_EQ(text_of(fixture.last_activity("org_external_key_resumed").at("external_key_id")), fixture.key.id);
}

TEST_F(SuspendedKeyTest, ResumingAKeyThatRefusesSaysSo) {
  ASSERT_TRUE(suspend());
  fixture.provider.failure = testing::HealthFixture::refusal();
  ASSERT_TRUE(resume());
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Refused);
}

// Another server on the database may have been let in since the refusal was told.
TEST_F(SuspendedKeyTest, SuspendingAKeyThatRefusesIsToldToOtherServers) {
  fixture.provider.failure = testing::HealthFixture::refusal();
  fixture.settle_after(minutes(5));
  ASSERT_EQ(fixture.state(), State::Refused);
  auto last_notice = [&] {
    return fixture.run(fixture.store().read([](store::Transaction& tx) { return tx.last_notice(); })).value();
  };
  auto before = last_notice();
  ASSERT_TRUE(suspend());
  EXPECT_EQ(last_notice(), before + 2) << "its leases are to be forgotten, and its rows have changed";
}

TEST_F(SuspendedKeyTest, TwiceIsOnce) {
  auto first = suspend().value();
  fixture.clock.advance(seconds(5));
  EXPECT_EQ(suspend("another").value(), first);
  ASSERT_TRUE(resume());
  auto known = resume();
  ASSERT_TRUE(known);
  auto types = fixture.activity_types();
  EXPECT_EQ(std::count(types.begin(), types.end(), "org_external_key_suspended"), 1);
  EXPECT_EQ(std::count(types.begin(), types.end(), "org_external_key_resumed"), 1);
}

TEST_F(SuspendedKeyTest, ACheckThatIsOnItsWayDoesNotUndoIt) {
  std::function<void()> go_on;
  fixture.provider.interruption = [&]() -> Task<void> {
    auto wait = ::latchkey::suspend([&](std::function<void()> resume) { go_on = std::move(resume); });
    co_await std::move(wait);
  };
  fixture.clock.advance(minutes(5));
  while (!go_on) fixture.run_once();
  ASSERT_TRUE(suspend());
  go_on();
  fixture.settle();
  EXPECT_EQ(fixture.state(), State::Suspended);
  EXPECT_EQ(fixture.stored()->state, State::Suspended);
}

TEST_F(SuspendedKeyTest, OtherOrganizationsKeysAreNotThere) {
  auto suspended = fixture.run(suspensions.suspend(fixture.stranger(), fixture.key.id, std::nullopt));
  ASSERT_FALSE(suspended);
  EXPECT_EQ(suspended.error().code, ErrorCode::NotFound);
  EXPECT_THAT(fixture.run(suspensions.resume(fixture.stranger(), fixture.key.id)), IsError(ErrorCode::NotFound));
  EXPECT_TRUE(opens());
  EXPECT_THAT(fixture.forgotten, IsEmpty());
}

TEST_F(SuspendedKeyTest, AnotherServersSuspensionIsSeen) {
  HealthMonitor elsewhere(fixture.store(), fixture.provider, fixture.clouds, fixture.clock, fixture.random,
                          fixture.context.get_executor(), fixture.monitor_settings, [](const std::string&) {});
  admin::Suspensions other(fixture.store(), fixture.clock, fixture.random, elsewhere, [](const std::string&) {});
  ASSERT_TRUE(fixture.run(other.suspend(fixture.admin(), fixture.key.id, std::nullopt)));
  fixture.settle_after(seconds(10));
  fixture.settle_after(seconds(10));
  EXPECT_THAT(fixture.forgotten, ::testing::Contains(fixture.key.id));
  ASSERT_TRUE(fixture.run(other.resume(fixture.admin(), fixture.key.id)));
  fixture.settle_after(seconds(10));
  EXPECT_EQ(fixture.state(), State::Healthy);
}

}  // namespace
}  // namespace latchkey::health
