#include "api/rate_limiter.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api {
namespace {

using namespace std::chrono_literals;
using testing::ApiResponse;
using ::testing::HasSubstr;

struct RateLimitsTest : ::testing::Test {
  static ApiLimits few() {
    ApiLimits limits;
    limits.rates.data = {{4, 1s}, {6, 1s}};
    limits.rates.read = {{4, 1min}, {6, 1min}};
    limits.rates.write = {{2, 1min}, {3, 1min}};
    return limits;
  }
  testing::ApiFixture fixture{few()};
  store::Workspace home = fixture.make_workspace("Home");
  std::string other_admin = fixture.make_api_key(store::Role::Admin);

  static constexpr std::string_view kWorkspaces = "/v1/organizations/workspaces";
  ApiResponse list(const std::string& key) { return fixture.call("GET", kWorkspaces, key); }
  ApiResponse rename(const std::string& key) {
    return fixture.call("POST", std::string(kWorkspaces) + "/" + home.id, key, R"({"name":"Home"})");
  }
  ApiResponse encrypt(const std::string& key) {
    return fixture.call("POST", "/v1/workspaces/" + home.id + "/encrypt", key, R"({"plaintext":"aGVsbG8="})");
  }
  static std::string header(const ApiResponse& response, std::string_view name) {
    return std::string(response.headers.get(std::string("anthropic-ratelimit-requests-") + std::string(name)));
  }
};

TEST_F(RateLimitsTest, AResponseSaysWhatIsLeft) {
  auto response = list(fixture.admin_key);
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(header(response, "limit"), "4");
  EXPECT_EQ(header(response, "remaining"), "3");
  EXPECT_EQ(header(response, "reset"), format_timestamp(fixture.clock.now() + 15s));
  EXPECT_FALSE(response.headers.has("retry-after"));
  EXPECT_EQ(header(list("sk-latchkey-admin01-nobody"), "limit"), "") << "nobody's bucket";
}

TEST_F(RateLimitsTest, TooManyOfAKeyAreRefusedUntilTheTimeThatIsTold) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(list(fixture.admin_key).status, 200U);
  auto refused = list(fixture.admin_key);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.error_type(), "rate_limit_error");
  EXPECT_EQ(refused.headers.get("retry-after"), "15");
  EXPECT_EQ(header(refused, "limit"), "4");
  EXPECT_EQ(header(refused, "remaining"), "0");
  EXPECT_EQ(header(refused, "reset"), format_timestamp(fixture.clock.now() + 60s));
  EXPECT_THAT(refused.message(), HasSubstr("limits.reads_per_key"));
  EXPECT_EQ(rename(fixture.admin_key).status, 200U) << "another class";
  EXPECT_EQ(list(other_admin).status, 200U) << "another key";
  EXPECT_EQ(list(fixture.stranger_key).status, 200U) << "another organisation";
  fixture.clock.advance(15s);
  EXPECT_EQ(list(fixture.admin_key).status, 200U);
}

TEST_F(RateLimitsTest, AllKeysOfAnOrganisationTogetherHaveALimit) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(rename(fixture.admin_key).status, 200U);
  EXPECT_EQ(rename(other_admin).status, 200U);
  auto refused = rename(other_admin);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(header(refused, "limit"), "3");
  EXPECT_THAT(refused.message(), HasSubstr("limits.writes_per_organization"));
  auto theirs = fixture.call("POST", kWorkspaces, fixture.stranger_key, R"({"name":"Theirs"})");
  EXPECT_EQ(theirs.status, 200U) << theirs.body;
}

TEST_F(RateLimitsTest, TheDataPlaneHasItsOwn) {
  for (int i = 0; i < 4; ++i) {
    auto response = encrypt(fixture.service_key);
    EXPECT_EQ(response.status, 200U) << response.body;
    EXPECT_EQ(header(response, "limit"), "");
  }
  auto refused = encrypt(fixture.service_key);
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.headers.get("retry-after"), "1");
  EXPECT_EQ(header(refused, "limit"), "4");
  fixture.clock.advance(250ms);
  EXPECT_EQ(encrypt(fixture.service_key).status, 200U);
}

TEST_F(RateLimitsTest, WritesDoNotUseUpSuspensions) {
  auto key = fixture.make_key();
  auto suspend = [&] {
    return fixture.post("/v1/organizations/external_keys/" + key.row.id + "/suspend", R"({"reason":"test"})").status;
  };
  for (int i = 0; i < 3; ++i) (void)rename(fixture.admin_key);
  EXPECT_EQ(rename(fixture.admin_key).status, 429U);
  EXPECT_EQ(suspend(), 200U);
}

TEST_F(RateLimitsTest, WhatNeedsNoKeyTakesNothing) {
  for (int i = 0; i < 8; ++i) EXPECT_EQ(fixture.call("GET", "/healthz", "").status, 200U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(list("sk-latchkey-admin01-nobody").status, 401U);
  EXPECT_EQ(list(fixture.admin_key).status, 200U);
}

TEST_F(RateLimitsTest, AKeyOfTheWrongRoleTakesItsOwn) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(list(fixture.service_key).status, 403U);
  fixture.store().look_ups = 0;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(list(fixture.service_key).status, 429U);
  EXPECT_EQ(fixture.store().look_ups, 0) << "and is not looked up again meanwhile";
  EXPECT_EQ(encrypt(fixture.service_key).status, 429U) << "they are those of what its role may do";
  fixture.clock.advance(1s);
  EXPECT_EQ(encrypt(fixture.service_key).status, 200U);
}

// A workspace's key in the wrong hands must not hold up the organisation's admin.
TEST_F(RateLimitsTest, AKeyOfTheWrongRoleTakesNothingOfOtherRoles) {
  auto key = fixture.make_key();
  auto suspend = [&](const std::string& by) {
    return fixture
        .call("POST", "/v1/organizations/external_keys/" + key.row.id + "/suspend", by, R"({"reason":"test"})")
        .status;
  };
  for (const auto& by : {fixture.service_key, fixture.make_api_key(store::Role::Service)}) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(suspend(by), 403U);
  }
  EXPECT_EQ(suspend(fixture.service_key), 429U) << "of the organisation's data plane";
  for (int i = 0; i < 4; ++i) EXPECT_EQ(encrypt(fixture.admin_key).status, 403U);
  EXPECT_EQ(list(other_admin).status, 200U);
  EXPECT_EQ(rename(fixture.admin_key).status, 200U);
  EXPECT_EQ(suspend(fixture.admin_key), 200U);
}

TEST_F(RateLimitsTest, AnotherOrganisationsPathTakesOnesOwn) {
  auto theirs = fixture.run(fixture.credentials->create_api_key(fixture.other.organization.id, store::Role::Workspace,
                                                                "theirs", fixture.other.default_workspace.id));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(encrypt(theirs.value().secret).status, 404U);
  EXPECT_EQ(encrypt(theirs.value().secret).status, 429U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(encrypt(fixture.service_key).status, 200U);
}

TEST_F(RateLimitsTest, BeyondItsLimitAKeyIsNotLookedUp) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(list(fixture.admin_key).status, 200U);
  fixture.store().look_ups = 0;
  for (int i = 0; i < 8; ++i) EXPECT_EQ(list(fixture.admin_key).status, 429U);
  EXPECT_EQ(fixture.store().look_ups, 0);
}

struct UnknownKeysTest : ::testing::Test {
  static ApiLimits few(std::optional<Rate> unknown_keys = Rate{3, 1min}) {
    ApiLimits limits;
    limits.rates.unknown_keys = unknown_keys;
    return limits;
  }
  std::optional<testing::ApiFixture> fixture{std::in_place, few()};
  int made_up = 0;

  std::string next_key() { return fmt::format("sk-latchkey-admin01-{:043}", ++made_up); }
  ApiResponse ask(const std::string& key, const std::string& address = "192.0.2.7") {
    auto request = testing::ApiFixture::request("GET", "/v1/organizations/me", key);
    request.client_address = boost::asio::ip::make_address(address);
    return fixture->send(std::move(request));
  }
};

TEST_F(UnknownKeysTest, AnAddressHasSoManyAndTheStoreIsNotAskedForMore) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(next_key()).status, 401U);
  fixture->store().look_ups = 0;
  auto refused = ask(next_key());
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.error_type(), "rate_limit_error");
  EXPECT_EQ(refused.headers.get("retry-after"), "20");
  EXPECT_FALSE(refused.headers.has("anthropic-ratelimit-requests-limit")) << "nobody's bucket";
  EXPECT_THAT(refused.message(), HasSubstr("limits.unknown_keys_per_address"));
  EXPECT_EQ(fixture->store().look_ups, 0);
  EXPECT_EQ(ask(next_key(), "192.0.2.8").status, 401U) << "another address";
  fixture->clock.advance(20s);
  EXPECT_EQ(ask(next_key()).status, 401U);
}

TEST_F(UnknownKeysTest, AnIPv6AddressIsItsNetwork) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(next_key(), fmt::format("2001:db8:0:1::{}", i)).status, 401U);
  EXPECT_EQ(ask(next_key(), "2001:db8:0:1:ffff::").status, 429U);
  EXPECT_EQ(ask(next_key(), "2001:db8:0:2::1").status, 401U);
}

TEST_F(UnknownKeysTest, WhoseKeyIsKnownIsServedBesideAStranger) {
  EXPECT_EQ(ask(fixture->admin_key).status, 200U);
  for (int i = 0; i < 4; ++i) (void)ask(next_key());
  EXPECT_EQ(ask(next_key()).status, 429U);
  EXPECT_EQ(ask(fixture->admin_key).status, 200U);
}

TEST_F(UnknownKeysTest, KeysThatAreSomebodysCostTheAddressNothing) {
  for (int i = 0; i < 5; ++i) {
    auto key = fixture->run(fixture->credentials->create_api_key(fixture->own.organization.id, store::Role::Admin,
                                                                 "another", std::nullopt));
    EXPECT_EQ(ask(key.value().secret).status, 200U);
  }
  EXPECT_EQ(ask(next_key()).status, 401U);
}

// As a program does whose key was revoked: it shuts nobody out who is at its address.
TEST_F(UnknownKeysTest, TheSameWrongKeyIsLookedUpOnceInAWhile) {
  auto wrong = next_key();
  EXPECT_EQ(ask(wrong).status, 401U);
  fixture->store().look_ups = 0;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wrong).status, 401U);
  EXPECT_EQ(fixture->store().look_ups, 0);
  EXPECT_EQ(ask(next_key()).status, 401U) << "its tokens are there";
  fixture->clock.advance(10s);
  EXPECT_EQ(ask(wrong).status, 401U);
  EXPECT_EQ(fixture->store().look_ups, 2);
}

TEST_F(UnknownKeysTest, AKeyThatWasRevokedBecomesUnknown) {
  auto key = fixture->run(
      fixture->credentials->create_api_key(fixture->own.organization.id, store::Role::Admin, "another", std::nullopt));
  EXPECT_EQ(ask(key.value().secret).status, 200U);
  ASSERT_TRUE(fixture->run(fixture->credentials->revoke_api_key(fixture->own.organization.id, key.value().row.id)));
  fixture->store().look_ups = 0;
  auto refused = ask(key.value().secret);
  EXPECT_EQ(refused.status, 401U);
  EXPECT_FALSE(refused.headers.has("anthropic-ratelimit-requests-limit"));
  EXPECT_FALSE(refused.headers.has("latchkey-organization-id"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(key.value().secret).status, 401U);
  EXPECT_EQ(fixture->store().look_ups, 1);
}

TEST_F(UnknownKeysTest, AStoreThatFailsCostsTheAddressNothing) {
  fixture->store().look_up_error = Error{ErrorCode::Unavailable, "as the test says"};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(fixture->admin_key).status, 503U);
  fixture->store().look_up_error.reset();
  EXPECT_EQ(ask(fixture->admin_key).status, 200U);
}

// A proxy in front that the server was not told of, or the operator's own programs.
TEST_F(UnknownKeysTest, WhoIsOnTheSameMachineIsNoStranger) {
  for (const auto* address : {"127.0.0.1", "::1", "::ffff:127.0.0.1"}) {
    for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(next_key(), address).status, 401U) << address;
  }
}

// The one address that all have there would shut everybody out.
TEST_F(UnknownKeysTest, BehindAProxyNoAddressIsLookedAt) {
  fixture.reset();
  fixture.emplace(few(std::nullopt));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(next_key()).status, 401U);
  EXPECT_EQ(ask(fixture->admin_key).status, 200U);
}

TEST_F(RateLimitsTest, DefaultsAreGenerous) {
  RateLimiter limiter{RateLimits{}};
  audit::Caller caller{};
  caller.api_key_id = "apikey_1";
  for (int i = 0; i < 600; ++i) {
    EXPECT_FALSE(limiter.take(RouteClass::Write, caller, SteadyTime(1h)).refusal) << i;
  }
  EXPECT_TRUE(limiter.take(RouteClass::Write, caller, SteadyTime(1h)).refusal);
  EXPECT_FALSE(limiter.take(RouteClass::Revoke, caller, SteadyTime(1h)).refusal);
}

}  // namespace
}  // namespace latchkey::api
