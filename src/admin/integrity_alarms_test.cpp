#include "admin/integrity_alarms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;
using testing::text_of;

class IntegrityAlarmsTest : public ::testing::Test {
 protected:
  store::IntegrityAlarm about(std::string id) {
    return {.table = "api_keys", .id = std::move(id), .organization = fixture.own.organization.id};
  }
  std::vector<boost::json::object> told() {
    auto recorded = fixture.run(alarms.record(fixture.store()));
    EXPECT_TRUE(recorded) << recorded.error().message();
    std::vector<boost::json::object> found;
    for (const auto& activity : fixture.activities()) {
      if (text_of(activity.at("type")) == "org_stored_row_refused") found.push_back(activity);
    }
    return found;
  }

  testing::AdminFixture fixture;
  IntegrityAlarms alarms{fixture.clock, fixture.random};
};

TEST_F(IntegrityAlarmsTest, TellsTheOrganisationWhichRowAndWhy) {
  alarms.raise(about("apikey_1"));
  auto activities = told();
  ASSERT_THAT(activities, SizeIs(1));
  EXPECT_EQ(text_of(activities[0].at("table")), "api_keys");
  EXPECT_EQ(text_of(activities[0].at("row_id")), "apikey_1");
  EXPECT_EQ(text_of(activities[0].at("reason")), "its seal is not that of its values");
}

TEST_F(IntegrityAlarmsTest, ARowThatIsReadAgainAndAgainIsCountedAndToldOnce) {
  for (int i = 0; i < 100; ++i) alarms.raise(about("apikey_1"));
  alarms.raise(about("apikey_2"));
  EXPECT_THAT(told(), SizeIs(2));
  EXPECT_THAT(alarms.counts(), ElementsAre(Pair("api_keys", 101)));
  fixture.clock.advance(std::chrono::minutes(10));
  alarms.raise(about("apikey_1"));
  EXPECT_THAT(told(), SizeIs(3));
}

TEST_F(IntegrityAlarmsTest, AMillionRowsTakeBoundedMemoryAndAreCounted) {
  for (int i = 0; i < 20'000; ++i) alarms.raise(about(std::to_string(i)));
  EXPECT_THAT(told(), SizeIs(1'000));
  EXPECT_THAT(alarms.counts(), ElementsAre(Pair("api_keys", 20'000)));
}

TEST_F(IntegrityAlarmsTest, ARowOfAnOrganisationThatIsNotThereIsOnlyLogged) {
  auto alarm = about("apikey_1");
  alarm.organization = Uuid{};
  alarms.raise(alarm);
  EXPECT_THAT(told(), SizeIs(0));
}

}  // namespace
}  // namespace latchkey::admin
