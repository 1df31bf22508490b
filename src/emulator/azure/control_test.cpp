#include "emulator/azure/control.hpp"

#include <gmock/gmock.h>

#include "emulator/azure/testing/azure_fixture.hpp"

namespace latchkey::emulator::azure::testing {
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
  for (const auto* path : {"faults", "clock", "delays"}) {
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
      {"POST", "clock", R"({"then":1})", 400, "then: Extra inputs are not permitted"},
      {"POST", "delays", R"({"role_seconds":-1})", 400, "role_seconds: Input should be a whole number from 0"},
      {"GET", "audit", "", 400, "Name the vault"},
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

TEST_F(ControlTest, RolesAndRulesTakeTheTimeThatIsSet) {
  start();
  auto service = make_service("late");
  ASSERT_EQ(control("POST", "delays", R"({"role_seconds":300,"network_seconds":120})").status, 200U);
  // The assignments that were there are young too.
  clock_.advance(std::chrono::minutes(6));
  constexpr const char* kCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424";
  ASSERT_EQ(
      assign_role(cloud_.vault_resource_id, kCryptoUser, service.principal_id, "11111111-2222-4333-8444-555555555555")
          .status,
      201U);
  auto token = token_of(service, "https://vault.azure.net");
  auto path = "keys/" + cloud_.key_name;
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByRbac");
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);

  auto rules = [&](const char* text) { return arm("PATCH", cloud_.vault_resource_id, json::parse(text)).status; };
  ASSERT_EQ(rules(R"({"properties":{"networkAcls":{"defaultAction":"Deny"}}})"), 200U);
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(119));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByFirewall");
  ASSERT_EQ(rules(R"({"properties":{"networkAcls":{"defaultAction":"Allow"}}})"), 200U);
  EXPECT_EQ(vault("GET", path, nullptr, token).inner(), "ForbiddenByFirewall");
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(vault("GET", path, nullptr, token).status, 200U);
}

}  // namespace
}  // namespace latchkey::emulator::azure::testing
