#include <algorithm>

#include <gtest/gtest.h>

#include "api/testing/api_fixture.hpp"
#include "kms/reasons.hpp"
#include "webhooks/backlog.hpp"

namespace latchkey::api {
namespace {

using testing::expect_refused;

constexpr auto kAll = "/v1/organizations/webhooks";

struct WebhooksApiTest : ::testing::Test {
  testing::ApiFixture fixture;

  testing::ApiResponse create(std::string body = R"({"url":"https://example.com/hooks"})") {
    return fixture.post(kAll, std::move(body));
  }
  std::string made() { return create().text("/id"); }
  static std::string one(const std::string& id, std::string_view tail = {}) {
    return std::string(kAll) + "/" + id + std::string(tail);
  }
  void deliver() {
    (void)fixture.run(fixture.webhook_deliverer.run_once());
    while (!fixture.webhook_deliverer.idle()) fixture.context.run_one();
  }
};

TEST_F(WebhooksApiTest, TheSecretIsShownOnceAndNeverAgain) {
  auto response = create(R"({"url":"https://example.com/hooks","description":"pager"})");
  ASSERT_EQ(response.status, 200U) << response.body;
  auto id = response.text("/id");
  auto now = format_timestamp(fixture.clock.now());
  boost::json::object shown{{"id", id},
                            {"type", "webhook_endpoint"},
                            {"url", "https://example.com/hooks"},
                            {"description", "pager"},
                            {"events", {"external_key.failed", "external_key.recovered"}},
                            {"status", "enabled"},
                            {"disabled_reason", nullptr},
                            {"previous_secret_expires_at", nullptr},
                            {"created_at", now},
                            {"updated_at", now}};
  EXPECT_EQ(fixture.get(one(id)).json, boost::json::value(shown));
  EXPECT_EQ(fixture.get(kAll).json, (boost::json::value{{"data", {shown}}, {"next_page", nullptr}}));
  EXPECT_TRUE(response.text("/secret").starts_with("whsec_"));
  shown["secret"] = response.text("/secret");
  EXPECT_EQ(response.json, boost::json::value(shown));
}

TEST_F(WebhooksApiTest, AKeyThatFailsIsToldAndOneThatServesAgain) {
  auto id = made();
  auto workspace = fixture.make_locked_workspace();
  auto key = workspace.external_key_id.value();
  fixture.settle_health();
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "the role is gone", kms::reason::kRoleMissing, "Give it back"};
  EXPECT_EQ(fixture.post("/v1/organizations/external_keys/" + key + "/validate").text("/status"), "failure");
  fixture.settle_health();
  deliver();
  ASSERT_EQ(fixture.receiver.requests().size(), 1U);
  auto event = boost::json::parse(fixture.receiver.requests().back().body);
  EXPECT_EQ(event.at("data"), (boost::json::value{{"type", "external_key.failed"},
                                                  {"id", key},
                                                  {"organization_id", format_uuid(fixture.own.organization.id)}}));
  // Events of one moment are listed in no order.
  fixture.clock.advance(std::chrono::milliseconds(1));
  fixture.provider.failure.reset();
  fixture.clock.advance(std::chrono::seconds(1));  // the log goes by time
  EXPECT_EQ(fixture.post("/v1/organizations/external_keys/" + key + "/validate").text("/status"), "success");
  fixture.settle_health();
  deliver();
  ASSERT_EQ(fixture.receiver.requests().size(), 2U);
  event = boost::json::parse(fixture.receiver.requests().back().body);
  EXPECT_EQ(event.at("data").at("type"), "external_key.recovered");
  auto log = fixture.get(one(id, "/deliveries"));
  ASSERT_EQ(log.status, 200U) << log.body;
  EXPECT_EQ(log.text("/data/1/event_type"), "external_key.failed");
  EXPECT_EQ(log.text("/data/0/status"), "delivered");
  EXPECT_EQ(log.at("/data/0/last_response_status"), boost::json::value(200));
  EXPECT_EQ(log.at("/data/0/attempts"), boost::json::value(1));
}

TEST_F(WebhooksApiTest, ASuspensionIsTold) {
  (void)made();
  auto key = fixture.make_locked_workspace().external_key_id.value();
  EXPECT_EQ(fixture.post("/v1/organizations/external_keys/" + key + "/suspend").status, 200U);
  deliver();
  ASSERT_EQ(fixture.receiver.requests().size(), 1U);
  EXPECT_EQ(boost::json::parse(fixture.receiver.requests().back().body).at("data").at("type"), "external_key.failed");
}

// An organisation that suspends and resumes without end, while its receiver is down.
TEST_F(WebhooksApiTest, SuspensionsWithoutEndMakeSoManyDeliveriesAndTheNewestArrives) {
  auto id = made();
  auto key = "/v1/organizations/external_keys/" + fixture.make_locked_workspace().external_key_id.value();
  for (std::size_t i = 0; i < webhooks::kMostPending + 3; ++i) {
    fixture.clock.advance(std::chrono::milliseconds(200));
    ASSERT_EQ(fixture.post(key + "/suspend").status, 200U);
    ASSERT_EQ(fixture.post(key + "/resume").status, 200U);
  }
  auto all = [&] {
    return fixture.run(fixture.webhook_endpoints.deliveries(fixture.admin(), id, 10'000, std::nullopt))
        .value()
        .deliveries;
  };
  auto rows = all();
  ASSERT_EQ(rows.size(), webhooks::kMostPending + 3);
  auto is_pending = [](const auto& row) { return row.state == store::WebhookDeliveryState::Pending; };
  EXPECT_TRUE(std::all_of(rows.begin(), rows.end() - 3, is_pending));
  EXPECT_TRUE(std::none_of(rows.end() - 3, rows.end(), is_pending)) << "the oldest";
  EXPECT_TRUE(rows.back().last_error.value_or("").find("given up") != std::string::npos);
  // As after attempts that failed: all but the newest are to be tried again later.
  auto put_off = [&](store::Transaction& tx) -> Result<void> {
    for (auto row = rows.begin() + 1; row != rows.end() - 3; ++row) {
      *row->next_attempt_at += std::chrono::hours(1);
      LATCHKEY_TRYV(tx.update(*row));
    }
    return success();
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(put_off)));
  deliver();
  EXPECT_EQ(all().front().state, store::WebhookDeliveryState::Delivered);
}

TEST_F(WebhooksApiTest, ChangesDisablesAndRemoves) {
  auto id = made();
  auto changed = fixture.post(one(id), R"({"url":"https://example.org/","events":["external_key.failed"]})");
  EXPECT_EQ(changed.text("/url"), "https://example.org/");
  EXPECT_EQ(changed.at("/events"), (boost::json::array{"external_key.failed"}));
  auto disabled = fixture.post(one(id), R"({"status":"disabled"})");
  EXPECT_EQ(disabled.text("/status"), "disabled");
  EXPECT_FALSE(disabled.text("/disabled_reason").empty());
  EXPECT_EQ(fixture.post(one(id), R"({"status":"enabled"})").text("/status"), "enabled");
  auto removed = fixture.call("DELETE", one(id), fixture.admin_key);
  EXPECT_EQ(removed.json, (boost::json::value{{"id", id}, {"type", "webhook_endpoint_deleted"}}));
  EXPECT_EQ(fixture.get(one(id)).status, 404U);
}

TEST_F(WebhooksApiTest, RotatesTheSecret) {
  auto created = create();
  auto id = created.text("/id");
  auto rotated = fixture.post(one(id, "/rotate_secret"));
  EXPECT_NE(rotated.text("/secret"), created.text("/secret"));
  EXPECT_EQ(rotated.text("/previous_secret_expires_at"),
            format_timestamp(fixture.clock.now() + std::chrono::hours(24)));
  auto at_once = fixture.post(one(id, "/rotate_secret"), R"({"overlap_seconds":0})");
  EXPECT_TRUE(at_once.at("/previous_secret_expires_at").is_null());
  expect_refused(fixture.post(one(id, "/rotate_secret"), R"({"overlap_seconds":604801})"), 400, "invalid_request_error",
                 "overlap_seconds: Must be from 0 to 604800.");
}

TEST_F(WebhooksApiTest, ATestTellsWhatCameOfIt) {
  auto id = made();
  EXPECT_EQ(fixture.post(one(id, "/test")).text("/status"), "delivered");
  fixture.receiver.set([](const auto&) { return kms::testing::response(500, ""); });
  auto failed = fixture.post(one(id, "/test"));
  EXPECT_EQ(failed.status, 200U);
  EXPECT_EQ(failed.text("/status"), "failed");
  EXPECT_EQ(failed.text("/last_error"), "The endpoint answered 500 where 2xx takes the event.");
}

TEST_F(WebhooksApiTest, RefusesWhatIsWrong) {
  auto id = made();
  struct Case {
    std::string body;
    std::string message;
  };
  for (const auto& [body, message] : {
           Case{R"({})", "url: Field required"},
           Case{R"({"url":7})", "url: Input should be a valid string"},
           Case{R"({"url":"https://example.com","secret":"x"})", "secret: Extra inputs are not permitted"},
           Case{R"({"url":"https://example.com","events":"all"})",
                "events: Input should be a list of at most 64 strings"},
           Case{R"({"url":"https://example.com","events":[7]})", "events.0: Input should be a valid string"},
           Case{R"({"url":"https://example.com","events":[]})", "events: Must name at least one event"},
           Case{R"({"url":"http://example.com"})",
                "url: It is not https. Give the endpoint a certificate, and use https://."},
       }) {
    expect_refused(create(body), 400, "invalid_request_error", message);
  }
  expect_refused(fixture.post(one(id), R"({"status":"off"})"), 400, "invalid_request_error",
                 "status: Input should be 'enabled' or 'disabled'");
  expect_refused(fixture.post(one(id, "/rotate_secret"), R"({"overlap_seconds":1.5})"), 400, "invalid_request_error",
                 "overlap_seconds: Input should be a whole number");
  expect_refused(fixture.get(one("whep_01")), 404, "not_found_error",
                 "There is no webhook endpoint whep_01. `latchkey webhooks list` shows them.");
}

TEST_F(WebhooksApiTest, ForAdminsOfTheOrganisationAlone) {
  auto id = made();
  for (const auto& key : {fixture.service_key, fixture.compliance_key}) {
    EXPECT_EQ(fixture.call("GET", kAll, key).status, 403U);
    EXPECT_EQ(fixture.call("POST", kAll, key, R"({"url":"https://example.com/"})").status, 403U);
  }
  EXPECT_EQ(fixture.call("GET", kAll, fixture.stranger_key).at("/data"), boost::json::array());
  for (const auto* tail : {"", "/deliveries"}) {
    EXPECT_EQ(fixture.call("GET", one(id, tail), fixture.stranger_key).status, 404U);
  }
  for (const auto* tail : {"", "/test", "/rotate_secret"}) {
    EXPECT_EQ(fixture.call("POST", one(id, tail), fixture.stranger_key, "{}").status, 404U);
  }
  EXPECT_EQ(fixture.call("DELETE", one(id), fixture.stranger_key).status, 404U);
}

}  // namespace
}  // namespace latchkey::api
