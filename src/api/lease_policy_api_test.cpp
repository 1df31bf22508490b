#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api {
namespace {

using testing::expect_refused;

struct LeasePolicyApiTest : ::testing::Test {
  testing::ApiFixture fixture;
  static constexpr std::string_view kPath = "/v1/organizations/me/leases";
};

TEST_F(LeasePolicyApiTest, IsShownSetAndReset) {
  auto shown = fixture.get(kPath);
  EXPECT_EQ(shown.status, 200U);
  EXPECT_EQ(shown.text("/type"), "lease_policy");
  EXPECT_EQ(shown.at("/soft_seconds"), 60);
  EXPECT_EQ(shown.at("/hard_seconds"), 3600);
  EXPECT_EQ(shown.at("/inherited"), true);
  auto set = fixture.post(kPath, R"({"soft_seconds": 1.5, "hard_seconds": 90})");
  EXPECT_EQ(set.status, 200U);
  EXPECT_EQ(set.at("/soft_seconds"), 1.5);
  EXPECT_EQ(set.at("/inherited"), false);
  EXPECT_EQ(fixture.get(kPath).at("/hard_seconds"), 90);
  EXPECT_EQ(fixture.call("DELETE", kPath, fixture.admin_key).at("/inherited"), true);
  auto feed = fixture.get("/v1/compliance/activities");
  EXPECT_NE(feed.body.find("org_lease_policy_updated"), std::string::npos);
}

TEST_F(LeasePolicyApiTest, BadBodiesAreToldApart) {
  struct Case {
    std::string_view body;
    std::string_view message;
  };
  for (const auto& [body, message] :
       {Case{R"({"hard_seconds": 60})", "soft_seconds: Field required"},
        Case{R"({"soft_seconds": "60", "hard_seconds": 60})", "soft_seconds: Input should be a number of seconds"},
        Case{R"({"soft_seconds": -1, "hard_seconds": 60})", "soft_seconds: Input should be a number of seconds"},
        Case{R"({"soft_seconds": 60, "hard_seconds": 1e300})", "hard_seconds: Input should be a number of seconds"},
        Case{R"({"soft_seconds": 60, "hard_seconds": 60, "x": 1})", "x: Extra inputs are not permitted"},
        Case{
            R"({"soft_seconds": 86400, "hard_seconds": 86400})",
            "soft_seconds must be at most 300 on this server: a revocation would take longer to work than its operator "
            "allows (keyring.most_soft). Set 300 or less, or have the operator raise it."},
        Case{R"({"soft_seconds": 0.5, "hard_seconds": 60})", "soft_seconds must be at least 1s"}}) {
    expect_refused(fixture.post(kPath, std::string(body)), 400, "invalid_request_error", message);
  }
}

TEST_F(LeasePolicyApiTest, OtherKeysStayOut) {
  EXPECT_EQ(fixture.call("GET", kPath, fixture.service_key).status, 403U);
  EXPECT_EQ(fixture.call("POST", kPath, fixture.compliance_key, R"({"soft_seconds": 60, "hard_seconds": 60})").status,
            403U);
}

}  // namespace
}  // namespace latchkey::api
