#include "audit/activity_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/testing/audit_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::audit {
namespace {

using latchkey::testing::IsError;

struct ActivityTest : ::testing::Test {
  testing::AuditFixture fixture;

  ActivityTest() { fixture.add_organizations(); }

  Result<void> record(Caller caller, ActivityType type, boost::json::object details) {
    auto work = [this, caller, type, details](store::Transaction& tx) {
      return record_activity(tx, fixture.clock, fixture.random, caller, type, details);
    };
    return fixture.run(fixture.store().write(work));
  }
};

TEST_F(ActivityTest, IsShownInTheContractsShape) {
  ASSERT_TRUE(record(fixture.admin(), ActivityType::ExternalKeyValidated,
                     {{"external_key_id", "ekey_1"}, {"validation_result", "success"}}));
  auto shown = fixture.activities();
  ASSERT_EQ(shown.size(), 1U);
  auto& activity = shown[0];
  EXPECT_TRUE(parse_id(id_prefix::kActivity, std::string_view(activity.at("id").as_string())));
  EXPECT_EQ(activity.at("type"), "org_external_key_validated");
  EXPECT_EQ(activity.at("created_at"), "2026-08-10T08:09:11.000000Z");
  EXPECT_EQ(testing::text_of(activity.at("organization_uuid")), format_uuid(fixture.admin().organization));
  auto org = parse_id(id_prefix::kOrganization, std::string_view(activity.at("organization_id").as_string()));
  ASSERT_TRUE(org);
  EXPECT_TRUE(std::equal(org.value().begin(), org.value().end(), fixture.admin().organization.begin()));
  EXPECT_EQ(activity.at("actor"), (boost::json::value{{"type", "admin_api_key_actor"},
                                                      {"admin_api_key_id", fixture.admin().api_key_id},
                                                      {"ip_address", "192.0.2.34"},
                                                      {"user_agent", "curl/8"}}));
  EXPECT_EQ(activity.at("external_key_id"), "ekey_1");
  EXPECT_EQ(activity.at("validation_result"), "success");
  EXPECT_EQ(activity.size(), 8U);
}

TEST_F(ActivityTest, StrangersTextsAreCleanedAndAbsentOnesAreNull) {
  auto caller = fixture.admin();
  caller.user_agent = "bad\xff\n" + std::string(1000, 'x');
  caller.ip_address.clear();
  ASSERT_TRUE(record(caller, ActivityType::WorkspaceCreated, {}));
  auto actor = fixture.activities().at(0).at("actor");
  EXPECT_TRUE(actor.at("ip_address").is_null());
  EXPECT_LE(actor.at("user_agent").as_string().size(), 512U);
  EXPECT_TRUE(actor.at("user_agent").as_string().starts_with("bad\xef\xbf\xbd\xef\xbf\xbdxxx"));
}

TEST_F(ActivityTest, ComesAfterTheOnesBeforeItWhateverTheClockDoes) {
  std::vector<std::string> expected;
  for (const auto& entry : activity_types().first(5)) {
    ASSERT_TRUE(record(fixture.admin(), entry.type, {}));
    expected.emplace_back(entry.text);
  }
  fixture.clock.advance(-std::chrono::hours(1));
  ASSERT_TRUE(record(fixture.admin(), ActivityType::StoredRowRefused, {}));
  expected.emplace_back("org_stored_row_refused");
  EXPECT_EQ(fixture.activity_types(), expected);
}

TEST_F(ActivityTest, AnOrganizationSeesItsOwnOnly) {
  ASSERT_TRUE(record(fixture.admin(), ActivityType::WorkspaceCreated, {}));
  ASSERT_TRUE(record(fixture.stranger(), ActivityType::WorkspaceArchived, {}));
  EXPECT_EQ(fixture.activity_types(), std::vector<std::string>{"platform_workspace_created"});
  store::ActivityFilter filter;
  filter.organization = fixture.admin().organization;
  auto page = fixture.run(fixture.feed->list(fixture.stranger(), filter, {})).value();
  ASSERT_EQ(page.rows.size(), 1U) << "the filter's organisation is the caller's, whatever it says";
  EXPECT_EQ(page.rows[0].type, "platform_workspace_archived");
}

TEST_F(ActivityTest, DamagedRowsAreAnErrorNotACrash) {
  store::Activity row;
  row.id = "activity_1";
  row.actor = "{";
  row.details = "{}";
  EXPECT_THAT(to_json(row), IsError(ErrorCode::Internal));
}

TEST_F(ActivityTest, OldOnesAreForgottenStepByStep) {
  constexpr int kRows = 1'100;
  auto fill = [&](store::Transaction& tx) -> Result<void> {
    for (int i = 0; i < kRows; ++i) {
      LATCHKEY_TRYV(
          record_activity(tx, fixture.clock, fixture.random, fixture.admin(), ActivityType::WorkspaceCreated, {}));
    }
    return success();
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(fill)));
  fixture.clock.advance(std::chrono::hours(24));
  auto later = [&](store::Transaction& tx) {
    return record_activity(tx, fixture.clock, fixture.random, fixture.admin(), ActivityType::WorkspaceArchived, {});
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(later)));
  ActivityFeed feed(fixture.store());
  auto before = fixture.clock.now() - std::chrono::hours(1);
  EXPECT_EQ(fixture.run(feed.forget(before)).value(), true);
  EXPECT_EQ(fixture.run(feed.forget(before)).value(), true);
  EXPECT_EQ(fixture.run(feed.forget(before)).value(), false);
  EXPECT_EQ(fixture.run(feed.forget(before)).value(), false);
  auto left = fixture.run(feed.list(fixture.admin(), {}, {})).value().rows;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.front().type, "platform_workspace_archived");
}

}  // namespace
}  // namespace latchkey::audit
