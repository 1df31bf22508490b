#include "webhooks/deliverer.hpp"

#include <fmt/chrono.h>
#include <gmock/gmock.h>

#include "base/encoding.hpp"
#include "webhooks/retry_schedule.hpp"
#include "webhooks/signature.hpp"
#include "webhooks/testing/webhook_fixture.hpp"

namespace latchkey::webhooks {
namespace {

using audit::testing::text_of;
using kms::testing::failure;
using kms::testing::response;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using store::WebhookDeliveryState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct DelivererTest : ::testing::Test {
  testing::WebhookFixture fixture;
  EndpointWithSecret endpoint = fixture.make_endpoint("https://example.com/hooks");

  void responds(unsigned status, http::Headers headers = {}) {
    fixture.client.set([=](const auto&) { return response(status, "", headers); });
  }
  store::WebhookDelivery delivery() { return fixture.delivery(endpoint.row.id); }
  http::ClientRequest last_request() { return fixture.client.requests().back(); }
  // The signature that a receiver with this secret expects in the header.
  static std::string signature(const std::string& secret, const http::ClientRequest& request) {
    crypto::SecretBytes key(base64_decode(secret.substr(std::string_view("whsec_").size())).value());
    auto time = std::stoll(std::string(request.headers.get("webhook-timestamp")));
    return sign(key, request.headers.get("webhook-id"), time, request.body);
  }
};

TEST_F(DelivererTest, SendsWhatIsSignedAndNotesThatItArrived) {
  fixture.publish();
  auto made = delivery();
  fixture.deliver();
  ASSERT_THAT(fixture.client.requests(), SizeIs(1));
  auto request = last_request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://example.com/hooks");
  EXPECT_EQ(request.body, made.body);
  EXPECT_EQ(request.headers.get("content-type"), "application/json");
  EXPECT_EQ(request.headers.get("webhook-id"), made.event_id);
  auto seconds_now = std::chrono::duration_cast<seconds>(fixture.clock.now().time_since_epoch()).count();
  EXPECT_EQ(request.headers.get("webhook-timestamp"), std::to_string(seconds_now));
  EXPECT_EQ(request.headers.get("webhook-signature"), signature(endpoint.secret, request));
  auto done = delivery();
  EXPECT_EQ(done.state, WebhookDeliveryState::Delivered);
  EXPECT_EQ(done.attempts, 1);
  EXPECT_EQ(done.last_status, 200);
  EXPECT_EQ(done.last_error, std::nullopt);
  EXPECT_EQ(done.next_attempt_at, std::nullopt);
  fixture.deliver_after(hours(1));
  EXPECT_THAT(fixture.client.requests(), SizeIs(1));
}

TEST_F(DelivererTest, BothSecretsSignWhileTheyAreExchanged) {
  auto rotated = fixture.run(fixture.endpoints.rotate_secret(fixture.admin(), endpoint.row.id, hours(24))).value();
  fixture.publish();
  fixture.deliver();
  auto request = last_request();
  EXPECT_EQ(request.headers.get("webhook-signature"),
            signature(rotated.secret, request) + " " + signature(endpoint.secret, request));
  fixture.clock.advance(hours(24));
  fixture.publish();
  fixture.deliver();
  EXPECT_EQ(last_request().headers.get("webhook-signature"), signature(rotated.secret, last_request()));
}

struct FailedAnswer {
  kms::testing::Response outcome;
  std::string error;
};

TEST_F(DelivererTest, WhatIsNotTakenIsSentAgainUnderTheSameIdAndANewTime) {
  for (const auto& [outcome, error] :
       {FailedAnswer{response(500, "secret body"), "answered 500 where 2xx"},
        FailedAnswer{response(404, ""), "answered 404"},
        FailedAnswer{response(302, "", {{"location", "http://10.0.0.1/"}}), "a redirect, which is not followed"},
        FailedAnswer{failure(http::TransportFailure::AddressRefused), "leads to no public address"},
        FailedAnswer{failure(http::TransportFailure::TimedOut), "did not answer in time"}}) {
    fixture.client.set([outcome = outcome](const auto&) { return outcome; });
    fixture.clock.advance(seconds(1));
    fixture.publish();
    fixture.deliver();
    auto first = last_request();
    auto failed = fixture.deliveries(endpoint.row.id).front();
    EXPECT_EQ(failed.state, WebhookDeliveryState::Pending);
    EXPECT_EQ(failed.attempts, 1);
    EXPECT_THAT(failed.last_error.value_or(""), HasSubstr(error));
    EXPECT_THAT(failed.last_error.value_or(""), Not(HasSubstr("secret body")));
    auto sent = fixture.client.requests().size();
    fixture.deliver_after(seconds(3));
    EXPECT_THAT(fixture.client.requests(), SizeIs(sent)) << "not before its time";
    responds(204);
    fixture.deliver_after(seconds(3));
    ASSERT_THAT(fixture.client.requests(), SizeIs(sent + 1));
    EXPECT_EQ(last_request().headers.get("webhook-id"), first.headers.get("webhook-id"));
    EXPECT_NE(last_request().headers.get("webhook-timestamp"), first.headers.get("webhook-timestamp"));
    EXPECT_EQ(last_request().body, first.body);
    EXPECT_EQ(fixture.deliveries(endpoint.row.id).front().state, WebhookDeliveryState::Delivered);
  }
}

TEST_F(DelivererTest, IsGivenUpAfterADayAndToldInTheActivities) {
  responds(503);
  fixture.publish();
  auto made = delivery();
  fixture.deliver();
  while (delivery().state == WebhookDeliveryState::Pending) {
    fixture.clock.advance(*delivery().next_attempt_at - fixture.clock.now());
    fixture.deliver();
  }
  EXPECT_EQ(fixture.clock.now(), made.created_at + kGiveUpAfter);
  EXPECT_EQ(delivery().state, WebhookDeliveryState::Failed);
  auto activity = fixture.last_activity("org_webhook_delivery_failed");
  EXPECT_EQ(text_of(activity.at("webhook_endpoint_id")), endpoint.row.id);
  EXPECT_EQ(text_of(activity.at("event_id")), made.event_id);
  EXPECT_THAT(text_of(activity.at("error")), HasSubstr("503"));
  auto sent = fixture.client.requests().size();
  fixture.deliver_after(hours(24));
  EXPECT_THAT(fixture.client.requests(), SizeIs(sent));
}

TEST_F(DelivererTest, HearsWhenItIsToTryAgain) {
  responds(429, {{"retry-after", "120"}});
  fixture.publish();
  fixture.deliver();
  EXPECT_EQ(delivery().next_attempt_at, fixture.clock.now() + seconds(120));
}

TEST_F(DelivererTest, HearsADateToo) {
  auto when = std::chrono::floor<seconds>(fixture.clock.now()) + seconds(120);
  for (const auto* form : {"{:%a, %d %b %Y %H:%M:%S} GMT", "{:%A, %d-%b-%y %H:%M:%S} GMT", "{:%a %b %e %H:%M:%S %Y}"}) {
    responds(503, {{"retry-after", fmt::format(fmt::runtime(form), when)}});
    fixture.publish();
    fixture.deliver();
    EXPECT_EQ(fixture.deliveries(endpoint.row.id).front().next_attempt_at, when) << form;
    responds(200);
    fixture.deliver_after(seconds(120));
    when = std::chrono::floor<seconds>(fixture.clock.now()) + seconds(120);
  }
}

TEST_F(DelivererTest, AnEndpointThatIsGoneIsDisabled) {
  responds(410);
  fixture.publish();
  fixture.deliver();
  EXPECT_EQ(delivery().state, WebhookDeliveryState::Failed);
  auto row = fixture.run(fixture.endpoints.get(fixture.admin(), endpoint.row.id)).value();
  EXPECT_FALSE(row.enabled);
  EXPECT_THAT(row.disabled_reason, HasSubstr("410"));
  auto activity = fixture.last_activity("org_webhook_endpoint_disabled");
  EXPECT_EQ(activity.at("actor"), (boost::json::value{{"type", "system_actor"}}));
  fixture.publish();
  EXPECT_THAT(fixture.deliveries(endpoint.row.id), SizeIs(1)) << "the endpoint receives no further event";
}

// A client that never responds.
class SilentClient final : public http::Client {
 public:
  Task<kms::testing::Response> send(http::ClientRequest) override {
    ++asked;
    auto wait = suspend([this](std::function<void()> resume) { waiting_.push_back(std::move(resume)); });
    co_await std::move(wait);
    co_return failure(http::TransportFailure::Interrupted);
  }
  int asked = 0;

 private:
  std::vector<std::function<void()>> waiting_;
};

TEST_F(DelivererTest, WhatACrashCutShortIsSentAgain) {
  SilentClient silent;
  fixture.restart(silent);
  fixture.publish();
  (void)fixture.run(fixture.deliverer->run_once());
  while (silent.asked == 0) fixture.context.run_one();
  EXPECT_FALSE(fixture.deliverer->idle());
  auto begun = delivery();
  EXPECT_EQ(begun.attempts, 1);
  EXPECT_EQ(begun.state, WebhookDeliveryState::Pending);
  // The process ends before there is a response.
  fixture.restart(fixture.client);
  fixture.deliver_after(seconds(59));
  EXPECT_THAT(fixture.client.requests(), IsEmpty()) << "the earlier process may still be sending it";
  fixture.deliver_after(seconds(1));
  EXPECT_THAT(fixture.client.requests(), SizeIs(1));
  EXPECT_EQ(last_request().headers.get("webhook-id"), begun.event_id);
  EXPECT_EQ(delivery().attempts, 2);
  EXPECT_EQ(delivery().state, WebhookDeliveryState::Delivered);
}

TEST_F(DelivererTest, OneThatHangsHoldsUpItsOwnAlone) {
  auto slow = fixture.make_endpoint("https://slow.example.com/");
  fixture.client.set([&](const http::ClientRequest& request) -> kms::testing::Response {
    if (request.url.find("slow") != std::string::npos) return failure(http::TransportFailure::TimedOut);
    return response(200, "");
  });
  fixture.publish();
  fixture.publish(event_type::kExternalKeyRecovered);
  fixture.deliver();
  EXPECT_EQ(fixture.client.count("slow"), 1U) << "one at a time";
  fixture.deliver();
  EXPECT_EQ(fixture.client.count("slow"), 2U) << "the other endpoint is served";
  for (const auto& one : fixture.deliveries(endpoint.row.id)) EXPECT_EQ(one.state, WebhookDeliveryState::Delivered);
}

// A client that responds to every request but those to hosts that hang.
class HangingClient final : public http::Client {
 public:
  Task<kms::testing::Response> send(http::ClientRequest request) override {
    urls.push_back(request.url);
    if (request.url.find("hang") != std::string::npos) {
      auto wait = suspend([this](std::function<void()> resume) { waiting_.push_back(std::move(resume)); });
      co_await std::move(wait);
      co_return failure(http::TransportFailure::Interrupted);
    }
    co_return response(200, "");
  }
  [[nodiscard]] std::size_t count(std::string_view text) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(urls, [&](const auto& url) { return url.find(text) != std::string::npos; }));
  }
  std::vector<std::string> urls;

 private:
  std::vector<std::function<void()>> waiting_;
};

struct FairnessTest : DelivererTest {
  HangingClient client;

  void start(std::size_t concurrency) {
    DelivererSettings settings;
    settings.concurrency = concurrency;
    fixture.deliverer.emplace(fixture.store(), client, fixture.secrets, fixture.clock, fixture.random,
                              fixture.context.get_executor(), settings);
  }
  void make_theirs() {
    NewEndpoint wanted{.url = "https://example.com/theirs", .description = "", .events = {}};
    ASSERT_TRUE(fixture.run(fixture.endpoints.create(fixture.stranger(), std::move(wanted))));
    auto publish_theirs = [this](store::Transaction& tx) {
      return publish(tx, fixture.clock, fixture.random,
                     {event_type::kExternalKeyFailed, fixture.stranger().organization, "ekey_2"});
    };
    ASSERT_TRUE(fixture.run(fixture.store().write(publish_theirs)));
  }
  // Waits until that many of the hosts were asked, or for a few seconds where they are not.
  bool asked(std::string_view text, std::size_t times) {
    while (client.count(text) < times) {
      if (fixture.context.run_one_for(seconds(5)) == 0) return false;
    }
    return true;
  }
};

TEST_F(FairnessTest, OneOrganisationsEndpointsThatHangLeavePlacesForOthers) {
  start(16);
  for (int i = 0; i < 15; ++i) (void)fixture.make_endpoint(fmt::format("https://hang{}.example.com/", i));
  fixture.publish();
  for (int turn = 0; turn < 4; ++turn) {
    (void)fixture.run(fixture.deliverer->run_once());
    ASSERT_TRUE(asked("example.com", 4));
  }
  EXPECT_LE(client.count("hang"), 4U);
  make_theirs();
  (void)fixture.run(fixture.deliverer->run_once());
  EXPECT_TRUE(asked("theirs", 1));
  EXPECT_LE(client.count("hang"), 4U);
}

TEST_F(FairnessTest, WhereHalfIsTakenEachHasOne) {
  start(4);
  for (int i = 0; i < 8; ++i) (void)fixture.make_endpoint(fmt::format("https://hang{}.example.com/", i));
  fixture.publish();
  for (int turn = 0; turn < 4; ++turn) {
    (void)fixture.run(fixture.deliverer->run_once());
    ASSERT_TRUE(asked("example.com", 2));
  }
  EXPECT_LE(client.count("hang"), 2U);
  make_theirs();
  (void)fixture.run(fixture.deliverer->run_once());
  EXPECT_TRUE(asked("theirs", 1));
}

TEST_F(DelivererTest, TestsAreFewAndOneAtATime) {
  auto test = [&] { return fixture.run(fixture.deliverer->test(fixture.admin(), endpoint.row.id)); };
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(test());
  auto refused = test();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::RateLimited);
  EXPECT_EQ(refused.error().retry_after, seconds(10));
  EXPECT_THAT(fixture.client.requests(), SizeIs(6)) << "nothing was sent";
  auto second = fixture.make_endpoint("https://example.com/second");
  EXPECT_TRUE(fixture.run(fixture.deliverer->test(fixture.admin(), second.row.id))) << "another endpoint";
  auto nobodys = fixture.run(fixture.deliverer->test(fixture.admin(), "whep_none"));
  EXPECT_EQ(nobodys.error().code, ErrorCode::NotFound);
  auto strangers = fixture.run(fixture.deliverer->test(fixture.stranger(), second.row.id));
  EXPECT_EQ(strangers.error().code, ErrorCode::NotFound);
  fixture.clock.advance(seconds(10));
  EXPECT_TRUE(test());
}

TEST_F(DelivererTest, WhoseKeyWasRevokedSendsNoTest) {
  auto caller = fixture.admin();
  caller.api_key_hash = crypto::sha256({as_bytes("leaver")});
  auto revoked = [&](store::Transaction& tx) {
    return tx.insert(store::ApiKey{.id = caller.api_key_id,
                                   .organization = caller.organization,
                                   .role = store::Role::Admin,
                                   .workspace_id = std::nullopt,
                                   .name = "leaver",
                                   .hash = to_bytes(*caller.api_key_hash),
                                   .hint = "",
                                   .created_at = fixture.clock.now(),
                                   .revoked_at = fixture.clock.now()});
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(revoked)));
  auto refused = fixture.run(fixture.deliverer->test(caller, endpoint.row.id));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unauthenticated);
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
  EXPECT_THAT(fixture.deliveries(endpoint.row.id), IsEmpty());
}

TEST_F(DelivererTest, ATestIsSentOnceAndTold) {
  auto sent = fixture.run(fixture.deliverer->test(fixture.admin(), endpoint.row.id)).value();
  EXPECT_EQ(sent.state, WebhookDeliveryState::Delivered);
  EXPECT_EQ(sent.last_status, 200);
  auto body = boost::json::parse(last_request().body);
  EXPECT_EQ(body.at("data").at("type"), "webhook_endpoint.test");
  EXPECT_EQ(text_of(body.at("data").at("id")), endpoint.row.id);
  responds(500);
  auto failed = fixture.run(fixture.deliverer->test(fixture.admin(), endpoint.row.id)).value();
  EXPECT_EQ(failed.state, WebhookDeliveryState::Failed);
  EXPECT_THAT(failed.last_error.value_or(""), HasSubstr("500"));
  auto count = fixture.client.requests().size();
  fixture.deliver_after(hours(1));
  EXPECT_THAT(fixture.client.requests(), SizeIs(count));
  EXPECT_THAT(fixture.activity_types(), Not(::testing::Contains("org_webhook_delivery_failed")));
}

TEST_F(DelivererTest, ADamagedSecretIsToldAndNothingSent) {
  auto spoil = [&](store::Transaction& tx) -> Result<void> {
    auto row = endpoint.row;
    row.secret.wrapped.back() ^= 1;
    return tx.update(row);
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(spoil)));
  fixture.publish();
  fixture.deliver();
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
  EXPECT_THAT(delivery().last_error.value_or(""), HasSubstr("latchkey webhooks rotate " + endpoint.row.id));
}

TEST_F(DelivererTest, OldOnesAreForgotten) {
  fixture.publish();
  fixture.deliver();
  fixture.deliver_after(hours(24 * 29));
  EXPECT_THAT(fixture.deliveries(endpoint.row.id), SizeIs(1));
  fixture.deliver_after(hours(25));
  EXPECT_THAT(fixture.deliveries(endpoint.row.id), IsEmpty());
}

TEST_F(DelivererTest, NothingIsBegunOnceStopped) {
  fixture.publish();
  fixture.deliverer->stop();
  fixture.deliver();
  EXPECT_THAT(fixture.client.requests(), IsEmpty());
  EXPECT_EQ(delivery().attempts, 0);
}

}  // namespace
}  // namespace latchkey::webhooks
