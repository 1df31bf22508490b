#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/reasons.hpp"

namespace latchkey::api {
namespace {

using testing::ApiResponse;
using testing::expect_refused;

constexpr auto kKeys = "/v1/organizations/external_keys";

// As the guide's step 5 sends it.
constexpr auto kGuide = R"({
        "display_name": "prod-us-key",
        "geo": "us",
        "provider_config": {
          "type": "memory",
          "service": "contoso",
          "name": "cmek"
        }
      })";

struct ExternalKeysApiTest : ::testing::Test {
  testing::ApiFixture fixture;

  std::string create() { return fixture.post(kKeys, kGuide).text("/id"); }
  static std::string one(const std::string& id) { return std::string(kKeys) + "/" + id; }
  void refused(std::string body, std::string_view message) {
    expect_refused(fixture.post(kKeys, std::move(body)), 400, "invalid_request_error", message);
  }
  static std::string with_service(std::string_view service) {
    return R"({"provider_config":{"type":"memory","service":")" + std::string(service) + R"(","name":"k"}})";
  }
};

TEST_F(ExternalKeysApiTest, TheGuidesRequestRegistersAKey) {
  auto response = fixture.post(kKeys, kGuide);
  ASSERT_EQ(response.status, 200U) << response.body;
  auto id = response.text("/id");
  EXPECT_TRUE(parse_id(id_prefix::kExternalKey, id));
  EXPECT_EQ(response.json,
            (boost::json::value{{"id", id},
                                {"type", "external_key"},
                                {"attachment", {{"type", "unattached"}}},
                                {"created_at", "2026-08-10T08:09:11.000000Z"},
                                {"display_name", "prod-us-key"},
                                {"geo", "us"},
                                {"provider_config", {{"type", "memory"}, {"service", "contoso"}, {"name", "cmek"}}},
                                {"updated_at", "2026-08-10T08:09:11.000000Z"},
                                {"user_profile_id", nullptr}}));
  EXPECT_EQ(fixture.get(one(id)).json, response.json);
  EXPECT_EQ(fixture.provider.calls(), 0);
}

TEST_F(ExternalKeysApiTest, OptionalFieldsMayBeLeftOutOrNull) {
  auto response = fixture.post(kKeys, R"({"display_name":null,"user_profile_id":null,"provider_config":{"type":"memory",
      "service":"contoso","name":"k"}})");
  ASSERT_EQ(response.status, 200U) << response.body;
  EXPECT_TRUE(response.at("/display_name").is_null());
  EXPECT_EQ(response.text("/geo"), "us");
}

TEST_F(ExternalKeysApiTest, MalformedBodiesAreRefused) {
  refused("", "The request body is empty. Send a JSON object.");
  refused("[]", "The request body is JSON but not an object. Send a JSON object.");
  auto broken = fixture.post(kKeys, "{\"display_name\":");
  EXPECT_EQ(broken.status, 400U);
  EXPECT_EQ(broken.error_type(), "invalid_request_error");
  EXPECT_TRUE(broken.message().starts_with("The request body is not valid JSON: ")) << broken.message();
  refused("{}", "provider_config: Field required");
  refused(R"({"provider_config":null})", "provider_config: Input should be an object");
  refused(R"({"provider_config":{},"name":"x"})", "name: Extra inputs are not permitted");
  refused(R"({"provider_config":{},"provider_config":{}})", "provider_config: Field given twice");
  refused(R"({"display_name":1,"provider_config":{}})", "display_name: Input should be a valid string");
  refused(R"({"display_name":"","provider_config":{}})", "display_name: String should have at least 1 character");
  refused(R"({"display_name":")" + std::string(256, 'n') + R"(","provider_config":{}})",
          "display_name: String should have at most 255 characters");
  refused(R"({"geo":null,"provider_config":{}})", "geo: Input should be a valid string");
  refused(R"({"user_profile_id":"uprof_1","provider_config":{}})",
          "user_profile_id: User profiles are not supported by this server. Leave the field out.");
  refused(R"({"geo":"eu",)" + with_service("contoso").substr(1), "geo: Input should be 'us'");
}

TEST_F(ExternalKeysApiTest, OtherCloudsAreNotServedYet) {
  refused(R"({"provider_config":{"type":"aws","kms_arn":"arn:aws:kms:us-east-1:111122223333:key/a","role_arn":"r"}})",
          "provider_config.type: 'aws' is not supported by this server yet; register a key in memory with "
          "'memory'");
  refused(R"({"provider_config":{"type":"gcp","key_name":"projects/p/locations/l/keyRings/r/cryptoKeys/k"}})",
          "provider_config.type: 'gcp' is not supported by this server yet; register a key in memory with "
          "'memory'");
}

TEST_F(ExternalKeysApiTest, VaultsElsewhereAreRefused) {
  for (auto service : {"http://contoso", "127.0.0.1", "[::1]", "contoso.example.com", "contoso/keys", "contoso:8443"}) {
    auto response = fixture.post(kKeys, with_service(service));
    EXPECT_EQ(response.status, 400U) << service;
    EXPECT_EQ(response.error_type(), "invalid_request_error");
    EXPECT_EQ(response.code(), "");
    EXPECT_TRUE(response.message().starts_with("provider_config.service: ")) << response.message();
  }
  EXPECT_TRUE(fixture.get(kKeys).at("/data").as_array().empty());
}

TEST_F(ExternalKeysApiTest, OtherOrganizationsKeysAreNotThere) {
  auto id = create();
  auto message = "There is no external key " + id + " in this organization.";
  auto as_stranger = [&](std::string method, std::string target, std::string body = "") {
    expect_refused(fixture.call(std::move(method), target, fixture.stranger_key, std::move(body)), 404,
                   "not_found_error", message);
  };
  as_stranger("GET", one(id));
  as_stranger("POST", one(id), R"({"display_name":"mine"})");
  as_stranger("DELETE", one(id));
  as_stranger("POST", one(id) + "/validate");
  EXPECT_EQ(fixture.get(one(id)).status, 200U);
}

TEST_F(ExternalKeysApiTest, StrangeIdsAreNotFound) {
  for (auto id : {"x", "ekey_", "%2e%2e", "arn%3Aaws%3Akms%3Aus-east-1%3A1%3Akey%2Fa", "%00", "%ff"}) {
    auto response = fixture.get(one(id));
    EXPECT_EQ(response.status, 404U) << id << response.body;
    EXPECT_EQ(response.error_type(), "not_found_error");
  }
  EXPECT_EQ(fixture.get(one(std::string(3000, 'x'))).status, 404U);
}

TEST_F(ExternalKeysApiTest, PagesByCursor) {
  std::vector<std::string> made;
  for (int i = 0; i < 3; ++i) {
    fixture.clock.advance(std::chrono::seconds(1));
    made.insert(made.begin(), create());
  }
  auto first = fixture.get(std::string(kKeys) + "?limit=2&page=");
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.text("/data/0/id"), made[0]);
  EXPECT_EQ(first.text("/data/1/id"), made[1]);
  EXPECT_FALSE(first.json.as_object().contains("has_more"));
  auto second = fixture.get(std::string(kKeys) + "?limit=2&page=" + first.text("/next_page"));
  EXPECT_EQ(second.text("/data/0/id"), made[2]);
  EXPECT_TRUE(second.at("/next_page").is_null());

  constexpr std::string_view kForeign =
      "page: Not a cursor of this list. Send the next_page of a response unchanged, or leave page out to begin with "
      "the first page.";
  expect_refused(fixture.get(std::string(kKeys) + "?page=xyz"), 400, "invalid_request_error", kForeign);
  expect_refused(fixture.get(std::string(kKeys) + "?page=" + made[0]), 400, "invalid_request_error", kForeign);
  expect_refused(fixture.call("GET", std::string(kKeys) + "?page=" + first.text("/next_page"), fixture.stranger_key),
                 400, "invalid_request_error", kForeign);
  expect_refused(fixture.get(std::string(kKeys) + "?limit=101"), 400, "invalid_request_error",
                 "limit: must be between 1 and 100, inclusive. Got 101.");
}

TEST_F(ExternalKeysApiTest, UpdatesPartially) {
  auto id = create();
  EXPECT_EQ(fixture.post(one(id), R"({"display_name":"new"})").text("/display_name"), "new");
  EXPECT_EQ(fixture.post(one(id), "{}").text("/display_name"), "new");
  EXPECT_EQ(fixture.post(one(id), R"({"geo":null,"provider_config":null})").text("/display_name"), "new");
  EXPECT_TRUE(fixture.post(one(id), R"({"display_name":null})").at("/display_name").is_null());
  auto moved = fixture.post(one(id), with_service("fabrikam"));
  EXPECT_EQ(moved.text("/provider_config/service"), "fabrikam");
  expect_refused(fixture.post(one(id), R"({"user_profile_id":null})"), 400, "invalid_request_error",
                 "user_profile_id: Extra inputs are not permitted");
  expect_refused(fixture.post(one(id), R"({"provider_config":{"type":"aws"}})"), 400, "invalid_request_error",
                 "provider_config.type: 'aws' is not supported by this server yet; register a key in memory with "
                 "'memory'");
}

TEST_F(ExternalKeysApiTest, DeletesWhatNobodyUses) {
  auto id = create();
  auto workspace = fixture.make_workspace("Prod");
  ASSERT_EQ(fixture.post("/v1/organizations/workspaces/" + workspace.id, R"({"external_key_id":")" + id + "\"}").status,
            200U);
  EXPECT_EQ(fixture.get(one(id)).text("/attachment/type"), "attached");
  auto used = "the data of " + workspace.id +
              " (\"Prod\") is encrypted under it. A key stays with its workspaces for good, archived ones included.";
  expect_refused(fixture.call("DELETE", one(id), fixture.admin_key), 400, "invalid_request_error",
                 "External key " + id + " cannot be deleted: " + used);
  expect_refused(fixture.post(one(id), with_service("other")), 400, "invalid_request_error",
                 "External key " + id + " cannot be reconfigured: " + used);

  auto unused = create();
  auto deleted = fixture.call("DELETE", one(unused), fixture.admin_key);
  EXPECT_EQ(deleted.status, 200U);
  EXPECT_EQ(deleted.json, (boost::json::value{{"id", unused}, {"type", "external_key_deleted"}}));
  EXPECT_EQ(fixture.get(one(unused)).status, 404U);
}

TEST_F(ExternalKeysApiTest, TooManyValidationsOfOneKeyAreToldWhenToComeBack) {
  auto id = create();
  auto other = create();
  unsigned taken = 0;
  while (fixture.post(one(id) + "/validate").status == 200 && taken < 100) ++taken;
  EXPECT_EQ(taken, fixture.settings.validations_per_minute);
  auto refused = fixture.post(one(id) + "/validate");
  EXPECT_EQ(refused.status, 429U);
  EXPECT_EQ(refused.at("/error/type"), "rate_limit_error");
  EXPECT_EQ(refused.headers.get("retry-after"), "10");
  EXPECT_EQ(fixture.post(one(other) + "/validate").status, 200U) << "another key is another's";
  fixture.clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(fixture.post(one(id) + "/validate").status, 200U);
}

TEST_F(ExternalKeysApiTest, ValidateAnswers200EitherWay) {
  auto id = create();
  for (auto body : {"", "{}"}) {
    auto response = fixture.post(one(id) + "/validate", body);
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body, R"({"type":"external_key_validation","status":"success","error":null})");
  }
  const Error kFailures[] = {
      {ErrorCode::KeyDenied, "key \"cmek\" is disabled. Enable it.", kms::reason::kKeyDisabled},
      {ErrorCode::NetworkBlocked, "the vault's firewall refuses us", latchkey::testing::kVaultFirewall},
      {ErrorCode::KeyUnreachable, "the vault answers 503", kms::reason::kProviderFault},
      {ErrorCode::Corrupt, "not a ciphertext of that version"},
      {ErrorCode::Invalid, "no provider for this key"},
  };
  for (const auto& failure : kFailures) {
    fixture.provider.failure = failure;
    // So that it is not too many for one minute.
    fixture.clock.advance(std::chrono::minutes(1));
    auto response = fixture.post(one(id) + "/validate");
    EXPECT_EQ(response.status, 200U);
    boost::json::object told{{"type", "external_key_validation"}, {"status", "failure"}, {"error", failure.message()}};
    if (!failure.reason.empty()) told["reason"] = failure.reason.code();
    EXPECT_EQ(response.json, boost::json::value(told));
  }
  expect_refused(fixture.post(one(id) + "/validate", R"({"x":1})"), 400, "invalid_request_error",
                 "x: Extra inputs are not permitted");
}

}  // namespace
}  // namespace latchkey::api
