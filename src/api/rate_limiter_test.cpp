#include "api/rate_limiter.hpp"

#include <gmock/gmock.h>

#include "api/testing/api_world.hpp"

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using ::testing::HasSubstr;

struct RateLimitsTest : ::testing::Test {
  static ApiLimits few() {
    ApiLimits limits;
    limits.rates.data = {{4, 1s}, {6, 1s}};
    limits.rates.read = {{4, 1min}, {6, 1min}};
    limits.rates.write = {{2, 1min}, {3, 1min}};
    return limits;
  }
  testing::ApiWorld world{few()};
  store::Workspace home = world.make_workspace("Home");
  std::string other_admin = world.make_api_key(store::Role::Admin);

  static constexpr std::string_view kWorkspaces = "/v1/organizations/workspaces";
  Answer list(const std::string& key) { return world.call("GET", kWorkspaces, key); }
  Answer rename(const std::string& key) {
    return world.call("POST", std::string(kWorkspaces) + "/" + home.id, key, R"({"name":"Home"})");
  }
  Answer encrypt(const std::string& key) {
    return world.call("POST", "/v1/workspaces/" + home.id + "/encrypt", key, R"({"plaintext":"aGVsbG8="})");
  }
  static std::string header(const Answer& answer, std::string_view name) {
    return std::string(answer.headers.get(std::string("anthropic-ratelimit-requests-") + std::string(name)));
  }
};

TEST_F(RateLimitsTest, AnAnswerSaysWhatIsLeft) {
  auto answer = list(world.admin_key);
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(header(answer, "limit"), "4");
  EXPECT_EQ(header(answer, "remaining"), "3");
  EXPECT_EQ(header(answer, "reset"), format_timestamp(world.clock.now() + 15s));
  EXPECT_FALSE(answer.headers.has("retry-after"));
  EXPECT_EQ(header(list("sk-latchkey-admin01-nobody"), "limit"), "") << "nobody's bucket";
}

TEST_F(RateLimitsTest, TooManyOfAKeyAreRefusedUntilTheTimeThatIsTold) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(list(world.admin_key).status, 200U);
  auto refused = list(world.admin_key);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.error_type(), "rate_limit_error");
  EXPECT_EQ(refused.headers.get("retry-after"), "15");
  EXPECT_EQ(header(refused, "limit"), "4");
  EXPECT_EQ(header(refused, "remaining"), "0");
  EXPECT_EQ(header(refused, "reset"), format_timestamp(world.clock.now() + 60s));
  EXPECT_THAT(refused.message(), HasSubstr("limits.reads_per_key"));
  EXPECT_EQ(rename(world.admin_key).status, 200U) << "another class";
  EXPECT_EQ(list(other_admin).status, 200U) << "another key";
  EXPECT_EQ(list(world.stranger_key).status, 200U) << "another organisation";
  world.clock.advance(15s);
  EXPECT_EQ(list(world.admin_key).status, 200U);
}

TEST_F(RateLimitsTest, AllKeysOfAnOrganisationTogetherHaveALimit) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(rename(world.admin_key).status, 200U);
  EXPECT_EQ(rename(other_admin).status, 200U);
  auto refused = rename(other_admin);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(header(refused, "limit"), "3");
  EXPECT_THAT(refused.message(), HasSubstr("limits.writes_per_organization"));
  auto theirs = world.call("POST", kWorkspaces, world.stranger_key, R"({"name":"Theirs"})");
  EXPECT_EQ(theirs.status, 200U) << theirs.body;
}

TEST_F(RateLimitsTest, TheDataPlaneHasItsOwn) {
  for (int i = 0; i < 4; ++i) {
    auto answer = encrypt(world.service_key);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    EXPECT_EQ(header(answer, "limit"), "");
  }
  auto refused = encrypt(world.service_key);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.headers.get("retry-after"), "1");
  EXPECT_EQ(header(refused, "limit"), "4");
  world.clock.advance(250ms);
  EXPECT_EQ(encrypt(world.service_key).status, 200U);
}

TEST_F(RateLimitsTest, WritesDoNotUseUpSuspensions) {
  auto key = world.make_key();
  auto suspend = [&] {
    return world.post("/v1/organizations/external_keys/" + key.row.id + "/suspend", R"({"reason":"test"})").status;
  };
  for (int i = 0; i < 3; ++i) (void)rename(world.admin_key);
  EXPECT_EQ(rename(world.admin_key).status, 429U);
  EXPECT_EQ(suspend(), 200U);
}

TEST_F(RateLimitsTest, WhoeverIsNotLetInTakesNothing) {
  for (int i = 0; i < 8; ++i) EXPECT_EQ(list(world.service_key).status, 403U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(world.call("GET", "/healthz", "").status, 200U);
  EXPECT_EQ(list(world.admin_key).status, 200U);
}

TEST_F(RateLimitsTest, DefaultsAreGenerous) {
  RateLimiter limiter{RateLimits{}};
  admin::Caller caller{};
  caller.api_key_id = "apikey_1";
  for (int i = 0; i < 600; ++i) {
    EXPECT_FALSE(limiter.take(RouteClass::Write, caller, SteadyTime(1h)).refusal) << i;
  }
  EXPECT_TRUE(limiter.take(RouteClass::Write, caller, SteadyTime(1h)).refusal);
  EXPECT_FALSE(limiter.take(RouteClass::Revoke, caller, SteadyTime(1h)).refusal);
}

}  // namespace
}  // namespace latchkey::api
