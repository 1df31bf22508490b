#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api {
namespace {

using testing::ApiResponse;
using testing::expect_refused;

constexpr auto kActivities = "/v1/compliance/activities";

struct ActivityApiTest : ::testing::Test {
  testing::ApiFixture fixture;

  // Three activities a second apart: created, validated, deleted.
  void SetUp() override {
    auto key = fixture.make_key().row.id;
    fixture.clock.advance(std::chrono::seconds(1));
    (void)fixture.post("/v1/organizations/external_keys/" + key + "/validate");
    fixture.clock.advance(std::chrono::seconds(1));
    (void)fixture.call("DELETE", "/v1/organizations/external_keys/" + key, fixture.admin_key);
  }
  ApiResponse list(std::string_view query = "") { return fixture.get(std::string(kActivities) + std::string(query)); }
  static std::vector<std::string> types(const ApiResponse& response) {
    std::vector<std::string> names;
    for (const auto& activity : response.at("/data").as_array()) {
      names.push_back(testing::text_of(activity.at("type")).substr(std::string_view("org_external_key_").size()));
    }
    return names;
  }
  using Types = std::vector<std::string>;
};

TEST_F(ActivityApiTest, NewestFirst) {
  auto response = list();
  ASSERT_EQ(response.status, 200U) << response.body;
  EXPECT_EQ(types(response), (Types{"deleted", "validated", "created"}));
  EXPECT_EQ(types(list("?order=asc")), (Types{"created", "validated", "deleted"}));
  EXPECT_EQ(response.at("/has_more"), false);
  EXPECT_EQ(response.text("/first_id"), response.text("/data/0/id"));
  EXPECT_EQ(response.text("/last_id"), response.text("/data/2/id"));
  EXPECT_EQ(response.text("/data/1/actor/ip_address"), "192.0.2.7");
  EXPECT_EQ(response.text("/data/1/actor/user_agent"), "test/1");
}

TEST_F(ActivityApiTest, Filters) {
  EXPECT_EQ(types(list("?activity_types[]=org_external_key_created")), Types{"created"});
  EXPECT_EQ(types(list("?activity_types=org_external_key_created&activity_types[]=org_external_key_deleted")),
            (Types{"deleted", "created"}));
  EXPECT_EQ(types(list("?exclude_activity_types[]=org_external_key_created")), (Types{"deleted", "validated"}));
  EXPECT_EQ(types(list("?actor_ids[]=apikey_other")), Types{});
  EXPECT_EQ(types(list("?user_ids[]=" + fixture.own.admin_key.row.id)).size(), 3U);
  EXPECT_EQ(types(list("?created_at.gte=2026-08-10T08:09:13Z")), (Types{"deleted", "validated"}));
  EXPECT_EQ(types(list("?created_at.gt=2026-08-10T08:09:13Z")), Types{"deleted"});
  EXPECT_EQ(types(list("?created_at[lte]=2026-08-10T08:09:13Z")), (Types{"validated", "created"}));
  for (std::string_view time : {"2026-08-10T10:09:13%2B02:00", "2026-08-10T10:09:13+02:00",
                                "2026-08-10t08:09:13.0000000z", "2026-08-10T08:09:13.000000000Z"}) {
    EXPECT_EQ(types(list(fmt::format("?created_at.lt={}", time))), Types{"created"}) << time;
  }
}

TEST_F(ActivityApiTest, OtherOrganizationsSeeNothingOfIt) {
  EXPECT_EQ(types(fixture.call("GET", kActivities, fixture.stranger_key)), Types{});
  EXPECT_EQ(types(list("?organization_ids[]=" + format_uuid(fixture.own.organization.id))).size(), 3U);
  EXPECT_EQ(types(list("?organization_ids[]=" + list().text("/data/0/organization_id"))).size(), 3U);
  EXPECT_EQ(types(list("?organization_ids[]=" + format_uuid(fixture.other.organization.id))), Types{});
  EXPECT_EQ(types(fixture.call("GET", kActivities, fixture.compliance_key)).size(), 3U);
}

TEST_F(ActivityApiTest, PagesByIds) {
  auto first = list("?limit=2");
  EXPECT_EQ(types(first), (Types{"deleted", "validated"}));
  EXPECT_EQ(first.at("/has_more"), true);
  auto second = list("?limit=2&after_id=" + first.text("/last_id"));
  EXPECT_EQ(types(second), Types{"created"});
  EXPECT_EQ(second.at("/has_more"), false);
  EXPECT_EQ(types(list("?limit=1&before_id=" + second.text("/first_id"))), Types{"validated"});
}

TEST_F(ActivityApiTest, BadParametersAreRefused) {
  auto refused = [this](std::string_view query, std::string_view message) {
    expect_refused(list(query), 400, "invalid_request_error", message);
  };
  refused("?limit=5001", "limit: must be between 1 and 5000, inclusive. Got 5001.");
  refused("?limit=0", "limit: must be between 1 and 5000, inclusive. Got 0.");
  refused("?order=up", "order: Input should be 'asc' or 'desc'");
  refused("?activity_types[]=a&exclude_activity_types[]=b",
          "exclude_activity_types: Only one of activity_types and exclude_activity_types may be given");
  refused("?after_id=a&before_id=b", "before_id: Only one of after_id and before_id may be given");
  refused("?created_at.gte=yesterday",
          "created_at.gte: \"yesterday\" is not an RFC 3339 time such as 2026-10-30T23:58:27Z");
  auto cursor = list("?after_id=activity_none");
  EXPECT_EQ(cursor.status, 400U);
  EXPECT_EQ(cursor.error_type(), "invalid_request_error");
}

}  // namespace
}  // namespace latchkey::api
