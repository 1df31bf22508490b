#include "clouds/azure/emulator/control/control.hpp"

#include <gmock/gmock.h>

#include "clouds/azure/emulator/testing/azure_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

using ::testing::HasSubstr;

class ControlTest : public AzureTest {
 protected:
  ControlTest() { options_.enable_control = true; }

  Reply control(const std::string& method, const std::string& path, std::string body = {}) {
    auto url = fmt::format("https://127.0.0.1:{}/_emulator/{}", emulator_->tls_port(), path);
    return send(method, url, {}, std::move(body), true);
  }
  void make_fault(const std::string& body) {
    auto made = control("POST", "faults", body);
    ASSERT_EQ(made.status, 201U) << made.body;
  }
  Reply wrap() {
    return vault("POST", "keys/" + cloud_.key_name + "/wrapkey",
                 json::object{{"alg", "RSA-OAEP-256"}, {"value", "AAAA"}});
  }
};

TEST_F(ControlTest, IsOffUnlessItWasAskedFor) {
  options_.enable_control = false;
  start();
  for (const auto* path : {"faults", "clock", "delays", "conditional_access"}) {
    auto refused = control("GET", path);
    EXPECT_EQ(refused.status, 403U) << path;
    EXPECT_THAT(refused.message(), HasSubstr("--enable-control"));
  }
  EXPECT_EQ(control("GET", "audit?vault=" + cloud_.vault_name).status, 200U);
}

TEST_F(ControlTest, WhatIsWrongIsNamed) {
  start();
  struct Case {
    std::string method;
    std::string path;
    std::string body;
    unsigned status;
    std::string message;
  };
  const Case kCases[] = {
      {"POST", "faults", "", 400, "empty"},
      {"POST", "faults", "[]", 400, "not an object"},
      {"POST", "faults", R"({"kind":"fire"})", 400, "kind: Input should be"},
      {"PUT", "faults", "{}", 404, "There is nothing at this path with this method"},
      {"DELETE", "faults/fault-9", "", 404, "There is no fault fault-9"},
      {"POST", "clock", R"({"advance_seconds":"1"})", 400, "advance_seconds: Input should be a whole number"},
      {"POST", "clock", R"({"now":"tomorrow"})", 400, "now: Input should be an RFC 3339 time"},
      {"POST", "clock", R"({"now":"2399-01-01T00:00:00Z"})", 400, "at most 100 years"},
      {"POST", "clock", R"({"now":"2027-01-01T00:00:00Z","advance_seconds":1})", 400, "not both"},
      {"POST", "clock", R"({"then":1})", 400, "then: Extra inputs are not permitted"},
      {"POST", "delays", R"({"role_seconds":-1})", 400, "role_seconds: Input should be a whole number from 0"},
      {"GET", "audit", "", 400, "Name the vault"},
      {"GET", "audit?vault=latchkey-dev&last=none", "", 400, "last: Input should be a whole number"},
      {"POST", "conditional_access", "{}", 400, "app_id: Field required"},
      {"DELETE", "conditional_access/1", "", 404, "There is no policy 1"},
      {"POST", "faults", R"({"kind":"reset","operation":"KeyWarp"})", 400, "operation: Input should be KeyCreate"},
      {"GET", "weather", "", 404, "GET and POST /_emulator/clock"},
  };
  for (const auto& c : kCases) {
    auto reply = control(c.method, c.path, c.body);
    EXPECT_EQ(reply.status, c.status) << c.method << c.path << c.body;
    EXPECT_THAT(reply.message(), HasSubstr(c.message)) << c.method << c.path << c.body;
  }
}

TEST_F(ControlTest, EveryFaultIsSeenByTheClientAndHeals) {
  start();
  ASSERT_EQ(wrap().status, 200U);
  make_fault(R"({"kind":"error","status":429,"retry_after":"7","operation":"KeyWrap","count":1})");
  auto throttled = wrap();
  EXPECT_EQ(throttled.status, 429U);
  EXPECT_EQ(throttled.code(), "Throttled");
  EXPECT_EQ(throttled.headers.get("retry-after"), "7");
  EXPECT_EQ(wrap().status, 200U);

  for (const auto* kind : {"reset", "truncate"}) {
    // Twice: libcurl asks again by itself where a connection that it used before is reset.
    make_fault(fmt::format(R"({{"kind":"{}","operation":"KeyWrap","count":2}})", kind));
    EXPECT_EQ(wrap().status, 0U) << kind;
    EXPECT_EQ(failure_, http::TransportFailure::Interrupted) << kind;
    control("DELETE", "faults");
  }
  make_fault(R"({"kind":"malformed","operation":"KeyWrap","count":1})");
  auto malformed = wrap();
  EXPECT_EQ(malformed.status, 200U);
  EXPECT_TRUE(malformed.parsed.is_null());

  make_fault(R"({"kind":"trickle","pause_ms":1,"operation":"KeyWrap","count":1})");
  EXPECT_THAT(wrap().text("kid"), HasSubstr("/keys/" + cloud_.key_name));

  make_fault(R"({"kind":"wrong_kid","operation":"KeyWrap","count":1})");
  EXPECT_THAT(wrap().text("kid"), HasSubstr("/00000000000000000000000000000000"));

  make_fault(R"({"kind":"latency","ms":1,"operation":"KeyWrap","count":1})");
  EXPECT_EQ(wrap().status, 200U);
  auto list = control("GET", "faults");
  EXPECT_EQ(list.at("faults")->as_array().size(), 4U);
  EXPECT_EQ(control("DELETE", "faults").status, 204U);
  EXPECT_TRUE(control("GET", "faults").at("faults")->as_array().empty());
}

TEST_F(ControlTest, NoFaultStrikesControl) {
  start();
  ASSERT_EQ(wrap().status, 200U);
  make_fault(R"({"kind":"reset"})");
  EXPECT_EQ(wrap().status, 0U);
  EXPECT_EQ(control("GET", "faults").status, 200U);
  EXPECT_EQ(control("DELETE", "faults").status, 204U);
  EXPECT_EQ(wrap().status, 200U);
}

TEST_F(ControlTest, TakesNothingFromWebPages) {
  start();
  auto url = fmt::format("https://127.0.0.1:{}/_emulator/faults", emulator_->tls_port());
  EXPECT_EQ(send("DELETE", url, {{"origin", "https://example.com"}}, {}, true).status, 403U);
  EXPECT_EQ(send("DELETE", url, {}, {}, true).status, 204U);
}

TEST_F(ControlTest, EntraFailsInItsOwnForm) {
  start();
  make_fault(
      R"({"kind":"error","service":"entra","status":503,"code":"temporarily_unavailable","message":"later","count":1})");
  auto refused = ask_token("https://vault.azure.net");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_EQ(refused.text("error"), "temporarily_unavailable");
  EXPECT_EQ(refused.text("error_description"), "later");
  make_fault(R"({"kind":"token_lifetime","seconds":1,"count":1})");
  auto brief = ask_token("https://vault.azure.net");
  EXPECT_EQ(brief.at("expires_in")->as_int64(), 1);
  clock_.advance(std::chrono::seconds(400));
  EXPECT_EQ(vault("GET", "keys", nullptr, brief.text("access_token")).status, 401U);
}

TEST_F(ControlTest, ConditionalAccessKeepsOneAppFromTokens) {
  start();
  auto service = make_service("blocked");
  auto ask = [&] {
    return post_form(token_url(cloud_.tenant_id), {{"grant_type", "client_credentials"},
                                                   {"client_id", service.app_id},
                                                   {"client_secret", service.secret},
                                                   {"scope", "https://vault.azure.net/.default"}});
  };
  EXPECT_EQ(control("POST", "conditional_access", R"({"app_id":"nobody"})").status, 400U);
  auto body = fmt::format(R"({{"app_id":"{}","named_locations":["203.0.113.0/24"]}})", service.app_id);
  auto made = control("POST", "conditional_access", body);
  ASSERT_EQ(made.status, 201U) << made.body;
  set_address("198.51.100.7");
  auto refused = ask();
  EXPECT_EQ(refused.status, 400U);
  EXPECT_EQ(refused.aadsts(), 53003);
  EXPECT_EQ(refused.text("error"), "access_denied");
  EXPECT_THAT(refused.text("error_description"), HasSubstr("AADSTS53003: Access has been blocked by Conditional"));
  EXPECT_EQ(ask_token("https://vault.azure.net").status, 200U);
  set_address("203.0.113.7");
  EXPECT_EQ(ask().status, 200U);
  // A wrong secret is refused before the policy is checked.
  set_address("198.51.100.7");
  service.secret += "x";
  EXPECT_EQ(ask().aadsts(), 7000215);
  service.secret.pop_back();

  stop();
  start();
  EXPECT_EQ(ask().aadsts(), 53003);
  auto list = control("GET", "conditional_access");
  ASSERT_EQ(list.at("policies")->as_array().size(), 1U);
  EXPECT_EQ(list.at("policies")->as_array()[0], made.parsed);
  auto path = "conditional_access/" + made.text("id");
  EXPECT_EQ(control("PUT", path, "{}").status, 404U);
  EXPECT_EQ(control("DELETE", path).status, 204U);
  EXPECT_EQ(control("DELETE", path).status, 404U);
  EXPECT_EQ(ask().status, 200U);
  ASSERT_EQ(control("POST", "conditional_access", body).status, 201U);
  EXPECT_EQ(control("DELETE", "conditional_access").status, 204U);
  EXPECT_EQ(ask().status, 200U);
}

TEST_F(ControlTest, TheClockMovesAndStaysMoved) {
  start();
  auto before = control("GET", "clock");
  EXPECT_EQ(before.text("now"), "2026-06-01T00:00:00.000000Z");
  EXPECT_EQ(control("POST", "clock", R"({"advance_seconds":86400})").text("now"), "2026-06-02T00:00:00.000000Z");
  EXPECT_EQ(control("POST", "clock", R"({"advance_seconds":60})").at("distance_seconds")->as_int64(), 86460);
  ASSERT_EQ(vault("POST", "keys/k/create", json::object{{"kty", "EC"}}).status, 200U);
  EXPECT_EQ(vault("GET", "keys/k").at("attributes.created")->as_int64(), 1780358460);
  stop();
  start();
  EXPECT_EQ(control("GET", "clock").text("now"), "2026-06-02T00:01:00.000000Z");
  EXPECT_EQ(control("POST", "clock", R"({"now":"2027-01-01T00:00:00Z"})").text("now"), "2027-01-01T00:00:00.000000Z");
}

constexpr const char* kCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424";
constexpr const char* kAssignmentName = "11111111-2222-4333-8444-555555555555";
const std::string kAssignment = std::string("/providers/Microsoft.Authorization/roleAssignments/") + kAssignmentName;

TEST_F(ControlTest, RolesTakeTheTimeThatIsSet) {
  start();
  auto service = make_service("late");
  ASSERT_EQ(control("POST", "delays", R"({"role_seconds":300,"network_seconds":120})").status, 200U);
  auto assignment = cloud_.vault_resource_id + kAssignment;
  ASSERT_EQ(assign_role(cloud_.vault_resource_id, kCryptoUser, service.principal_id, kAssignmentName).status, 201U);
  auto token = token_of(service, "https://vault.azure.net");
  auto path = "keys/" + cloud_.key_name;
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByRbac");
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  // A removed assignment holds for as long, also over a restart.
  ASSERT_EQ(arm("DELETE", assignment, nullptr, "2022-04-01").status, 200U);
  EXPECT_EQ(arm("GET", assignment, nullptr, "2022-04-01").status, 404U);
  clock_.advance(std::chrono::seconds(299));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  stop();
  options_.role_propagation = std::chrono::seconds(300);
  options_.network_propagation = std::chrono::seconds(120);
  start();
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByRbac");
}

TEST_F(ControlTest, ARemovalHoldsAtOnceWithoutADelay) {
  start();
  auto service = make_service("gone");
  auto assignment = cloud_.vault_resource_id + kAssignment;
  ASSERT_EQ(assign_role(cloud_.vault_resource_id, kCryptoUser, service.principal_id, kAssignmentName).status, 201U);
  auto token = token_of(service, "https://vault.azure.net");
  auto path = "keys/" + cloud_.key_name;
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  ASSERT_EQ(arm("DELETE", assignment, nullptr, "2022-04-01").status, 200U);
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByRbac");
}

TEST_F(ControlTest, FirewallRulesTakeTheTimeThatIsSet) {
  start();
  ASSERT_EQ(control("POST", "delays", R"({"network_seconds":120})").status, 200U);
  auto path = "keys/" + cloud_.key_name;
  auto token = admin_token("https://vault.azure.net");
  auto rules = [&](const char* text) { return arm("PATCH", cloud_.vault_resource_id, json::parse(text)).status; };
  ASSERT_EQ(rules(R"({"properties":{"networkAcls":{"defaultAction":"Deny"}}})"), 200U);
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(119));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByFirewall");
  // Each of two changes holds when its own time has come.
  ASSERT_EQ(rules(R"({"properties":{"networkAcls":{"defaultAction":"Allow"}}})"), 200U);
  clock_.advance(std::chrono::seconds(60));
  ASSERT_EQ(rules(R"({"properties":{"publicNetworkAccess":"Disabled"}})"), 200U);
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByFirewall");
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByConnection");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
