#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"

namespace latchkey::api {
namespace {

using testing::expect_refused;

struct AccessTest : ::testing::Test {
  testing::ApiFixture fixture;
};

constexpr std::string_view kBadKey =
    "The API key is not valid: it is unknown, was revoked, or is not whole. Send a current key in the x-api-key "
    "header.";

TEST_F(AccessTest, WithoutAKeyNothingIsSaid) {
  constexpr std::string_view kMissing =
      "No API key was sent. Put it in the x-api-key header, or in authorization as a Bearer token.";
  for (auto path : {"/v1/organizations/external_keys", "/v1/organizations/me", "/v1/compliance/activities"}) {
    auto response = fixture.call("GET", path, "");
    expect_refused(response, 401, "authentication_error", kMissing);
    EXPECT_FALSE(response.headers.has("anthropic-organization-id"));
  }
  auto basic = fixture.call("GET", "/v1/organizations/me", "", "", {{"authorization", "Basic " + fixture.admin_key}});
  expect_refused(basic, 401, "authentication_error", kMissing);
}

TEST_F(AccessTest, WrongAndRevokedKeysAreAlike) {
  expect_refused(fixture.call("GET", "/v1/organizations/me", "sk-ant-admin01-x"), 401, "authentication_error", kBadKey);
  auto flipped = fixture.admin_key;
  flipped.back() = flipped.back() == 'A' ? 'E' : 'A';
  expect_refused(fixture.call("GET", "/v1/organizations/me", flipped), 401, "authentication_error", kBadKey);
  ASSERT_TRUE(
      fixture.run(fixture.credentials->revoke_api_key(fixture.own.organization.id, fixture.own.admin_key.row.id)));
  expect_refused(fixture.get("/v1/organizations/me"), 401, "authentication_error", kBadKey);
}

TEST_F(AccessTest, TheKeyMayComeAsABearerToken) {
  for (auto scheme : {"Bearer ", "bearer "}) {
    auto response =
        fixture.call("GET", "/v1/organizations/me", "", "", {{"authorization", scheme + fixture.admin_key}});
    EXPECT_EQ(response.status, 200U) << response.body;
  }
}

TEST_F(AccessTest, ResponsesNameTheRequestAndTheOrganization) {
  auto response = fixture.get("/v1/organizations/me");
  auto organization = format_uuid(fixture.own.organization.id);
  EXPECT_EQ(response.headers.get("anthropic-organization-id"), organization);
  EXPECT_EQ(response.headers.get("latchkey-organization-id"), organization);
  EXPECT_FALSE(response.headers.has("anthropic-workspace-id")) << "absent on the Admin API";
  EXPECT_EQ(response.headers.get("cache-control"), "no-store");
  EXPECT_TRUE(parse_id(id_prefix::kRequest, response.headers.get("request-id")));
  EXPECT_NE(response.headers.get("request-id"), fixture.get("/v1/organizations/me").headers.get("request-id"));
  EXPECT_EQ(response.json, (boost::json::value{{"id", organization}, {"type", "organization"}, {"name", "Acme"}}));
}

TEST_F(AccessTest, ARefusalNamesTheRoleThatIsNeeded) {
  auto response = fixture.call("POST", "/v1/organizations/external_keys", fixture.service_key, "{}");
  expect_refused(response, 403, "permission_error",
                 "This is a service key. POST /v1/organizations/external_keys needs an admin key "
                 "(sk-latchkey-admin01-...).");
  EXPECT_EQ(response.headers.get("anthropic-organization-id"), format_uuid(fixture.own.organization.id));
  expect_refused(fixture.call("POST", "/v1/workspaces/x/encrypt", fixture.admin_key, "{}"), 403, "permission_error",
                 "This is an admin key. POST /v1/workspaces/{workspace_id}/encrypt needs a service key "
                 "(sk-latchkey-service01-...) or a key of the workspace (sk-latchkey-workspace01-...).");
  expect_refused(fixture.call("GET", "/v1/compliance/activities", fixture.service_key), 403, "permission_error",
                 "This is a service key. GET /v1/compliance/activities needs an admin key (sk-latchkey-admin01-...) or "
                 "a compliance key (sk-latchkey-compliance01-...).");
}

TEST_F(AccessTest, UnknownPathsAndMethods) {
  expect_refused(fixture.get("/v1/organisations/me"), 404, "not_found_error",
                 "There is nothing at GET /v1/organisations/me. Look at the path, its version and its ids.");
  expect_refused(fixture.call("GET", "/", ""), 404, "not_found_error",
                 "There is nothing at GET /. Look at the path, its version and its ids.");
  auto wrong = fixture.call("PATCH", "/v1/organizations/me", fixture.admin_key);
  expect_refused(wrong, 405, "invalid_request_error", "PATCH is not a method of /v1/organizations/me. Use GET.");
  EXPECT_EQ(wrong.headers.get("allow"), "GET, HEAD, OPTIONS");
  auto no_body = fixture.call("HEAD", "/v1/workspaces/w/encrypt", fixture.service_key);
  expect_refused(no_body, 405, "invalid_request_error", "HEAD is not a method of /v1/workspaces/w/encrypt. Use POST.");
  EXPECT_EQ(no_body.headers.get("allow"), "POST, OPTIONS");
}

TEST_F(AccessTest, OptionsTellsTheMethodsAndNeedsNoKey) {
  struct Case {
    std::string path;
    std::string allow;
  };
  for (const auto& c : {Case{"/healthz", "GET, HEAD, OPTIONS"}, Case{"/metrics", "GET, HEAD, OPTIONS"},
                        Case{"/v1/workspaces/w/encrypt", "POST, OPTIONS"}}) {
    auto response = fixture.call("OPTIONS", c.path, "");
    EXPECT_EQ(response.status, 204U) << c.path;
    EXPECT_EQ(response.headers.get("allow"), c.allow) << c.path;
    EXPECT_EQ(response.body, "");
    EXPECT_TRUE(response.headers.has("request-id"));
  }
  auto all = fixture.call("OPTIONS", "*", "");
  EXPECT_EQ(all.status, 204U);
  for (std::string_view method : {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}) {
    EXPECT_NE(all.headers.get("allow").find(method), std::string::npos) << method;
  }
  expect_refused(fixture.call("OPTIONS", "/nowhere", ""), 404, "not_found_error",
                 "There is nothing at OPTIONS /nowhere. Look at the path, its version and its ids.");
}

TEST_F(AccessTest, HeadIsServedAsGetIs) {
  for (std::string path : {"/healthz", "/readyz", "/v1/organizations/me", "/v1/organizations/external_keys"}) {
    auto key = path.starts_with("/v1") ? fixture.admin_key : std::string();
    auto got = fixture.call("GET", path, key);
    auto head = fixture.call("HEAD", path, key);
    EXPECT_EQ(head.status, 200U) << path;
    EXPECT_EQ(head.body, got.body) << path;
    EXPECT_EQ(head.headers.get("content-type"), got.headers.get("content-type")) << path;
  }
  EXPECT_EQ(fixture.call("HEAD", "/v1/organizations/me", "").status, 401U);
}

TEST_F(AccessTest, BodiesHaveTheirLimits) {
  auto limit = [&](std::string_view path, const std::string& key, std::string type) {
    auto request = fixture.request("POST", path, key, "", {{"content-type", std::move(type)}});
    return fixture.run(fixture.service.admit(request)).body_limit;
  };
  constexpr std::size_t kMiB = 1024 * 1024;
  const std::string json = "application/json";
  const std::string octets = "application/octet-stream";
  EXPECT_EQ(limit("/v1/organizations/external_keys", fixture.admin_key, json), kMiB);
  EXPECT_EQ(limit("/v1/organizations/external_keys", "", json), 0U) << "of nobody, nothing is read";
  EXPECT_EQ(limit("/nowhere", fixture.admin_key, json), 0U);
  EXPECT_EQ(limit("/v1/workspaces/w/encrypt", fixture.service_key, json), kMiB);
  auto raw = limit("/v1/workspaces/w/encrypt", fixture.service_key, octets);
  EXPECT_EQ(raw, 16 * kMiB);
  EXPECT_GE(limit("/v1/workspaces/w/decrypt", fixture.service_key, octets), raw + 92);
  EXPECT_EQ(limit("/v1/workspaces/w/encrypt_batch", fixture.service_key, octets), kMiB);

  expect_refused(fixture.post("/v1/organizations/external_keys", std::string(2 * kMiB, ' ')), 413, "request_too_large",
                 "The request body is larger than the 1048576 bytes that this call takes.");
}

TEST_F(AccessTest, TheServersOwnRefusalsHaveTheSameShape) {
  struct Case {
    http::Rejection why;
    unsigned status;
    std::string_view type, message;
  };
  constexpr Case kCases[] = {
      {http::Rejection::Malformed, 400, "invalid_request_error", "The request is not valid HTTP/1.1."},
      {http::Rejection::HeadTooLarge, 431, "invalid_request_error",
       "The request line and headers are too large. Send fewer or shorter ones."},
      {http::Rejection::BodyTooLarge, 413, "request_too_large",
       "The request body is larger than the 1048576 bytes that this call takes."},
      {http::Rejection::BodyTimeout, 408, "invalid_request_error",
       "The request did not arrive in time: bodies must come at 64 KiB/s at the least. Send it again."},
      {http::Rejection::Overloaded, 503, "overloaded_error",
       "The server has all the connections it can serve. Try again shortly."},
      {http::Rejection::NoRoomForBody, 503, "overloaded_error",
       "The server holds all the request bodies that it can. Try again shortly."},
      {http::Rejection::HandlerFailed, 500, "api_error",
       "Something went wrong on our side. The server's log has the cause under this request_id."},
  };
  for (const auto& c : kCases) {
    auto response = testing::ApiFixture::read(fixture.service.reject(c.why, nullptr));
    expect_refused(response, c.status, c.type, c.message);
    EXPECT_EQ(response.headers.has("retry-after"), c.status == 503);
  }
}

TEST_F(AccessTest, HealthNeedsNoKey) {
  auto alive = fixture.call("GET", "/healthz", "");
  EXPECT_EQ(alive.status, 200U);
  EXPECT_EQ(alive.text("/status"), "ok");
  auto ready = fixture.call("GET", "/readyz", "");
  EXPECT_EQ(ready.status, 200U);
  EXPECT_EQ(ready.text("/status"), "ready");
  EXPECT_FALSE(ready.headers.has("anthropic-organization-id"));
}

TEST_F(AccessTest, HealthAloneIsVital) {
  auto is_vital = [&](std::string method, std::string_view path) {
    return fixture.service.is_vital(fixture.request(std::move(method), path, fixture.admin_key));
  };
  EXPECT_TRUE(is_vital("GET", "/healthz"));
  EXPECT_TRUE(is_vital("HEAD", "/readyz"));
  for (std::string_view path : {"/metrics", "/v1/organizations/me", "/nowhere"}) EXPECT_FALSE(is_vital("GET", path));
}

TEST(FullDisk, IsATemporaryErrorAndLosesNothing) {
  testing::ApiFixture fixture({}, 69);
  std::vector<std::string> made;
  testing::ApiResponse response;
  std::string keys = "/v1/organizations/external_keys";
  auto body =
      R"({"display_name":")" + std::string(250, 'n') + R"(","provider_config":{"type":"memory","service":"contoso",
      "name":"k"}})";
  do {
    response = fixture.post(keys, body);
    if (response.status == 200) made.push_back(response.text("/id"));
  } while (response.status == 200 && made.size() < 2000);
  EXPECT_EQ(response.status, 503U) << response.body;
  EXPECT_EQ(response.error_type(), "overloaded_error");
  EXPECT_TRUE(response.headers.has("retry-after"));
  EXPECT_FALSE(made.empty());
  for (const auto& id : made) EXPECT_EQ(fixture.get(keys + "/" + id).status, 200U);
  EXPECT_EQ(fixture.call("GET", "/readyz", "").status, 200U) << "reading goes on";
}

}  // namespace
}  // namespace latchkey::api
