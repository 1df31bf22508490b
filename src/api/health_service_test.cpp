#include "api/health_service.hpp"

#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api {
namespace {

struct HealthServiceTest : ::testing::Test {
  testing::ApiFixture fixture;
  HealthService health{fixture.service, fixture.random};

  http::Admission admit(std::string method, std::string_view path) {
    return fixture.run(health.admit(testing::ApiFixture::request(std::move(method), path, fixture.admin_key)));
  }
};

TEST_F(HealthServiceTest, ServesWhatIsVital) {
  for (std::string method : {"GET", "HEAD"}) {
    for (std::string_view path : {"/healthz", "/readyz"}) {
      auto request = testing::ApiFixture::request(method, path, "");
      EXPECT_TRUE(health.is_vital(request));
      auto admission = fixture.run(health.admit(request));
      ASSERT_FALSE(admission.refusal) << path;
      EXPECT_FALSE(admission.known);
      EXPECT_EQ(admission.body_limit, 0U);
      request.admitted = std::move(admission.call);
      EXPECT_EQ(fixture.run(health.handle(request)).status, 200U) << path;
    }
  }
}

TEST_F(HealthServiceTest, NothingElseIsThere) {
  fixture.store().look_ups = 0;
  for (std::string_view path : {"/metrics", "/v1/organizations/me", "/v1/workspaces/w/encrypt", "/nowhere"}) {
    auto admission = admit("GET", path);
    ASSERT_TRUE(admission.refusal) << path;
    testing::expect_refused(
        testing::ApiFixture::read(std::move(*admission.refusal)), 404, "not_found_error",
        "There is nothing at GET " + std::string(path) + ". Look at the path, its version and its ids.");
  }
  EXPECT_EQ(admit("POST", "/healthz").refusal.value().status, 404U);
  EXPECT_EQ(admit("OPTIONS", "*").refusal.value().status, 404U);
  EXPECT_EQ(fixture.store().look_ups, 0) << "keys are not looked at";
}

}  // namespace
}  // namespace latchkey::api
