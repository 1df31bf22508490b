#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "kms/reasons.hpp"

namespace latchkey::api {
namespace {

using testing::expect_refused;

constexpr auto kKeys = "/v1/organizations/external_keys";

struct KeyHealthApiTest : ::testing::Test {
  testing::ApiFixture fixture;
  store::Workspace workspace = fixture.make_locked_workspace();
  std::string key = *workspace.external_key_id;

  std::string of_key(std::string_view tail) const { return std::string(kKeys) + "/" + key + std::string(tail); }
  std::string of_workspace(std::string_view tail) const { return "/v1/workspaces/" + workspace.id + std::string(tail); }
  testing::ApiResponse data(std::string_view tail, std::string body) {
    return fixture.call("POST", of_workspace(tail), fixture.service_key, std::move(body));
  }
  testing::ApiResponse encrypt() { return data("/encrypt", R"({"plaintext":"aGVsbG8="})"); }
};

TEST_F(KeyHealthApiTest, ShowsTheHealthOfAKey) {
  auto attached_at = format_timestamp(fixture.clock.now());
  fixture.settle_health();
  auto response = fixture.get(of_key("/health"));
  ASSERT_EQ(response.status, 200U) << response.body;
  EXPECT_EQ(response.json, (boost::json::value{{"type", "external_key_health"},
                                               {"external_key_id", key},
                                               {"state", "healthy"},
                                               {"since", attached_at},
                                               {"reason", nullptr},
                                               {"cause", nullptr},
                                               {"cure", nullptr},
                                               {"last_checked_at", attached_at},
                                               {"last_success_at", attached_at}}));
}

TEST_F(KeyHealthApiTest, ARefusalThatARequestMetIsItsHealthAndValidatingEndsIt) {
  fixture.settle_health();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "the role is gone", kms::reason::kRoleMissing, "Give it back"};
  EXPECT_EQ(encrypt().code(), "cmek_key_disabled");
  fixture.settle_health();
  auto refused = fixture.get(of_key("/health"));
  EXPECT_EQ(refused.text("/state"), "refused");
  EXPECT_EQ(refused.text("/reason"), "role_missing");
  EXPECT_EQ(refused.text("/cause"), "the role is gone");
  EXPECT_EQ(refused.text("/cure"), "Give it back");
  EXPECT_TRUE(refused.at("/last_success_at").is_string());

  // Requests get the remembered failure, until the validation ends it.
  fixture.provider.failure.reset();
  EXPECT_EQ(encrypt().code(), "cmek_key_disabled");
  EXPECT_EQ(fixture.post(of_key("/validate")).text("/status"), "success");
  EXPECT_EQ(encrypt().status, 200U);
  fixture.settle_health();
  EXPECT_EQ(fixture.get(of_key("/health")).text("/state"), "healthy");
}

TEST_F(KeyHealthApiTest, ACheckThatIsLetInAgainRestoresServiceByItself) {
  fixture.settle_health();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "no", kms::reason::kRoleMissing};
  EXPECT_EQ(encrypt().code(), "cmek_key_disabled");
  fixture.settle_health();
  fixture.provider.failure.reset();
  fixture.clock.advance(std::chrono::seconds(10));
  fixture.settle_health();
  EXPECT_EQ(encrypt().status, 200U);
}

TEST_F(KeyHealthApiTest, ACheckThatIsRefusedEndsTheLeasesAtOnce) {
  ASSERT_EQ(encrypt().status, 200U);
  fixture.settle_health();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "no", kms::reason::kRoleMissing};
  EXPECT_EQ(fixture.post(of_key("/validate")).text("/status"), "failure");
  EXPECT_EQ(encrypt().status, 200U);
  fixture.settle_health();
  EXPECT_EQ(fixture.keyring.size(), 0U);
  EXPECT_EQ(encrypt().code(), "cmek_key_disabled");
}

TEST_F(KeyHealthApiTest, ListsTheHealthOfAllKeysInPages) {
  auto second = *fixture.make_locked_workspace("second").external_key_id;
  auto loose = fixture.make_key("loose").row.id;
  auto first = fixture.get("/v1/organizations/external_key_health?limit=2");
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.text("/data/0/external_key_id"), loose);
  EXPECT_EQ(first.text("/data/0/state"), "unknown");
  EXPECT_EQ(first.text("/data/1/external_key_id"), second);
  EXPECT_EQ(first.text("/data/1/state"), "healthy");
  auto rest = fixture.get("/v1/organizations/external_key_health?page=" + first.text("/next_page"));
  EXPECT_EQ(rest.text("/data/0/external_key_id"), key);
  EXPECT_TRUE(rest.at("/next_page").is_null());
}

TEST_F(KeyHealthApiTest, ASuspendedKeyIsShutAtEveryDoor) {
  auto sealed = encrypt();
  ASSERT_EQ(sealed.status, 200U) << sealed.body;
  auto ciphertext = sealed.text("/ciphertext");
  auto data_key = sealed.text("/data_key_id");
  ASSERT_EQ(fixture.keyring.size(), 1U);
  auto calls = fixture.provider.calls();

  auto suspended = fixture.post(of_key("/suspend"), R"({"reason":"incident 7"})");
  ASSERT_EQ(suspended.status, 200U) << suspended.body;
  EXPECT_EQ(suspended.text("/type"), "external_key_health");
  EXPECT_EQ(suspended.text("/state"), "suspended");
  EXPECT_EQ(fixture.keyring.size(), 0U);
  auto since = suspended.text("/since");

  auto expected =
      "Customer-managed encryption key is disabled or revoked. Re-enable the key to restore access. "
      "external key " +
      key + " was suspended here by " + fixture.own.admin_key.row.id + " at " + since +
      " (\"incident 7\"). An admin of the organisation ends it: latchkey keys resume " + key;
  auto item = R"({"ciphertext":")" + ciphertext + R"("})";
  for (auto [tail, body] :
       std::vector<std::pair<std::string, std::string>>{{"/encrypt", R"({"plaintext":"aGVsbG8="})"},
                                                        {"/decrypt", item},
                                                        {"/encrypt_batch", R"({"items":[{"plaintext":"aGVsbG8="}]})"},
                                                        {"/decrypt_batch", R"({"items":[)" + item + "]}"},
                                                        {"/data_keys", ""},
                                                        {"/data_keys/" + data_key + "/unwrap", ""}}) {
    auto response = data(tail, body);
    expect_refused(response, 400, "invalid_request_error", expected, "cmek_key_disabled");
    EXPECT_EQ(response.text("/error/details/reason"), "suspended") << tail;
  }
  auto validated = fixture.post(of_key("/validate"));
  EXPECT_EQ(validated.text("/status"), "failure");
  fixture.clock.advance(std::chrono::minutes(10));
  fixture.settle_health();
  EXPECT_EQ(fixture.provider.calls(), calls);
  EXPECT_EQ(fixture.get(of_key("/health")).text("/state"), "suspended");
  // The contract's object says nothing of it.
  EXPECT_EQ(fixture.get(of_key("")).json.as_object().size(), 9U);

  auto resumed = fixture.post(of_key("/resume"));
  ASSERT_EQ(resumed.status, 200U) << resumed.body;
  EXPECT_EQ(resumed.text("/state"), "unknown");
  EXPECT_EQ(data("/decrypt", item).text("/plaintext"), "aGVsbG8=");
  fixture.settle_health();
  EXPECT_EQ(fixture.get(of_key("/health")).text("/state"), "healthy");
}

// A stream, or a program, that holds a data key on lease asks again within soft, and learns of the suspension then.
TEST_F(KeyHealthApiTest, WhatWasLeasedIsOverWithinSoft) {
  auto soft = fixture.keyring_settings().ages.soft;
  auto leased = data("/data_keys", "");
  ASSERT_EQ(leased.status, 200U) << leased.body;
  auto renewal = "/data_keys/" + leased.text("/data_key_id") + "/unwrap";
  // The client renews late, just before the server asks its key again: the lease lasts no longer than that.
  fixture.clock.advance(soft - std::chrono::seconds(1));
  for (const auto& again : {data("/data_keys", ""), data(renewal, "")}) {
    ASSERT_EQ(again.status, 200U) << again.body;
    EXPECT_LE(again.at("/expires_in").to_number<double>(), std::chrono::duration<double>(soft).count());
  }
  ASSERT_EQ(fixture.post(of_key("/suspend")).status, 200U);
  for (const auto& over : {data("/data_keys", ""), data(renewal, "")}) {
    EXPECT_EQ(over.code(), "cmek_key_disabled");
    EXPECT_EQ(over.text("/error/details/reason"), "suspended");
  }
}

TEST_F(KeyHealthApiTest, TheReasonIsOptionalAndChecked) {
  auto refused = [&](std::string body, std::string_view message) {
    expect_refused(fixture.post(of_key("/suspend"), std::move(body)), 400, "invalid_request_error", message);
  };
  refused(R"({"why":"x"})", "why: Extra inputs are not permitted");
  refused(R"({"reason":7})", "reason: Input should be a valid string");
  refused(R"({"reason":""})", "reason: String should have at least 1 character");
  refused(R"({"reason":")" + std::string(501, 'x') + R"("})", "reason: String should have at most 500 characters");
  EXPECT_EQ(encrypt().status, 200U);
  for (auto body : {"", "{}", R"({"reason":null})"}) {
    EXPECT_EQ(fixture.post(of_key("/suspend"), body).status, 200U) << body;
    EXPECT_EQ(encrypt().code(), "cmek_key_disabled");
    EXPECT_EQ(fixture.post(of_key("/resume")).status, 200U);
  }
  EXPECT_EQ(fixture.post(of_key("/resume"), R"({"reason":"x"})").status, 400U);
}

TEST_F(KeyHealthApiTest, OnlyAdminsOfTheOrganizationHaveIt) {
  for (auto tail : {"/health", "/suspend", "/resume"}) {
    auto method = std::string_view(tail) == "/health" ? "GET" : "POST";
    for (const auto& other : {fixture.service_key, fixture.compliance_key}) {
      EXPECT_EQ(fixture.call(method, of_key(tail), other).status, 403U) << tail;
    }
    EXPECT_EQ(fixture.call(method, of_key(tail), "").status, 401U) << tail;
    expect_refused(fixture.call(method, of_key(tail), fixture.stranger_key), 404, "not_found_error",
                   "There is no external key " + key + " in this organization.");
  }
  EXPECT_EQ(encrypt().status, 200U);
  auto listed = fixture.call("GET", "/v1/organizations/external_key_health", fixture.stranger_key);
  EXPECT_TRUE(listed.at("/data").as_array().empty());
}

}  // namespace
}  // namespace latchkey::api
