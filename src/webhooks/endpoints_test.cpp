#include "webhooks/endpoints.hpp"

#include <gmock/gmock.h>

#include "testing/matchers.hpp"
#include "webhooks/testing/webhook_fixture.hpp"

namespace latchkey::webhooks {
namespace {

using audit::testing::text_of;
using latchkey::testing::IsError;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct EndpointsTest : ::testing::Test {
  testing::WebhookFixture fixture;

  Result<EndpointWithSecret> create(std::string url, std::vector<std::string> events = {}) {
    NewEndpoint wanted{.url = std::move(url), .description = "pager", .events = std::move(events)};
    return fixture.run(fixture.endpoints.create(fixture.admin(), std::move(wanted)));
  }
  Result<store::WebhookEndpoint> get(const std::string& id) {
    return fixture.run(fixture.endpoints.get(fixture.admin(), id));
  }
};

TEST_F(EndpointsTest, ANewOneGetsASecretAndAllEvents) {
  auto made = create("https://example.com/hooks/secret-path").value();
  EXPECT_THAT(made.secret, StartsWith("whsec_"));
  EXPECT_EQ(made.secret.size(), 6U + 44U);
  EXPECT_THAT(made.row.id, StartsWith("whep_01"));
  EXPECT_THAT(made.row.events, ElementsAre("external_key.failed", "external_key.recovered"));
  EXPECT_TRUE(made.row.enabled);
  EXPECT_EQ(get(made.row.id).value(), made.row);
  auto activity = fixture.last_activity("org_webhook_endpoint_created");
  EXPECT_EQ(text_of(activity.at("webhook_endpoint_id")), made.row.id);
  EXPECT_THAT(boost::json::serialize(activity), Not(HasSubstr("secret-path")));
  EXPECT_THAT(boost::json::serialize(activity), Not(HasSubstr(made.secret.substr(6))));
}

TEST_F(EndpointsTest, RefusesWhatItCannotServe) {
  struct Case {
    std::string url;
    std::vector<std::string> events;
    std::string message;
  };
  for (const auto& [url, events, message] : {Case{"http://example.com/", {}, "url: It is not https."},
                                             Case{"https://10.0.0.1/", {}, "url: It is not a public address."},
                                             Case{"https://example.com/",
                                                  {"external_key.failde"},
                                                  "events.0: \"external_key.failde\" is no event. There are"},
                                             Case{"https://example.com/", {"webhook_endpoint.test"}, "events.0"},
                                             Case{"https://example.com/",
                                                  {"external_key.failed", "external_key.failed"},
                                                  "events.1: \"external_key.failed\" is there twice"}}) {
    auto made = create(url, events);
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().code, ErrorCode::Invalid);
    EXPECT_THAT(made.error().message(), StartsWith(message));
  }
  EXPECT_THAT(fixture.run(fixture.endpoints.list(fixture.admin())).value(), SizeIs(0));
}

TEST_F(EndpointsTest, AnOrganisationHasSixteenAtMost) {
  for (std::size_t i = 0; i < kMostEndpoints; ++i) ASSERT_TRUE(create("https://example.com/"));
  auto more = create("https://example.com/");
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message(), HasSubstr("latchkey webhooks remove whep_"));
}

TEST_F(EndpointsTest, OthersDoNotSeeIt) {
  auto made = create("https://example.com/").value();
  auto stranger = fixture.stranger();
  EXPECT_THAT(fixture.run(fixture.endpoints.get(stranger, made.row.id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.endpoints.update(stranger, made.row.id, {})), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.endpoints.remove(stranger, made.row.id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.endpoints.rotate_secret(stranger, made.row.id, hours(1))),
              IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.endpoints.deliveries(stranger, made.row.id, 10, std::nullopt)),
              IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.deliverer->test(stranger, made.row.id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.endpoints.list(stranger)).value(), SizeIs(0));
  EXPECT_EQ(get(made.row.id).value(), made.row);
}

TEST_F(EndpointsTest, ChangesWhatIsNamedAndNoMore) {
  auto made = create("https://example.com/").value();
  fixture.clock.advance(seconds(1));
  EndpointChange change;
  change.url = "https://example.org/";
  change.events = {"external_key.failed"};
  auto changed = fixture.run(fixture.endpoints.update(fixture.admin(), made.row.id, change)).value();
  auto expected = made.row;
  expected.url = "https://example.org/";
  expected.events = {"external_key.failed"};
  expected.updated_at = fixture.clock.now();
  EXPECT_EQ(changed, expected);
  change.url = "https://[::1]/";
  EXPECT_FALSE(fixture.run(fixture.endpoints.update(fixture.admin(), made.row.id, change)));
  change.url.reset();
  change.events = std::vector<std::string>();
  auto none = fixture.run(fixture.endpoints.update(fixture.admin(), made.row.id, change));
  EXPECT_THAT(none.error().message(), HasSubstr("at least one"));
  EXPECT_EQ(get(made.row.id).value(), expected);
}

TEST_F(EndpointsTest, DisablingGivesUpWhatIsPending) {
  auto made = create("https://example.com/").value();
  fixture.publish();
  EndpointChange change;
  change.enabled = false;
  auto disabled = fixture.run(fixture.endpoints.update(fixture.admin(), made.row.id, change)).value();
  EXPECT_THAT(disabled.disabled_reason, HasSubstr(fixture.admin().api_key_id));
  EXPECT_EQ(fixture.delivery(made.row.id).state, store::WebhookDeliveryState::Failed);
  change.enabled = true;
  auto enabled = fixture.run(fixture.endpoints.update(fixture.admin(), made.row.id, change)).value();
  EXPECT_EQ(enabled.disabled_reason, "");
  fixture.deliver();
  EXPECT_THAT(fixture.client.requests(), SizeIs(0));
}

TEST_F(EndpointsTest, RemovingTakesItsDeliveriesWithIt) {
  auto made = create("https://example.com/").value();
  auto other = create("https://example.com/").value();
  fixture.publish();
  ASSERT_TRUE(fixture.run(fixture.endpoints.remove(fixture.admin(), made.row.id)));
  EXPECT_THAT(get(made.row.id), IsError(ErrorCode::NotFound));
  EXPECT_EQ(text_of(fixture.last_activity("org_webhook_endpoint_deleted").at("webhook_endpoint_id")), made.row.id);
  fixture.deliver();
  EXPECT_THAT(fixture.client.requests(), SizeIs(1));
  EXPECT_EQ(fixture.delivery(other.row.id).state, store::WebhookDeliveryState::Delivered);
}

TEST_F(EndpointsTest, ANewSecretKeepsTheOldOneForAWhile) {
  auto made = create("https://example.com/").value();
  auto rotated = fixture.run(fixture.endpoints.rotate_secret(fixture.admin(), made.row.id, hours(24))).value();
  EXPECT_NE(rotated.secret, made.secret);
  ASSERT_TRUE(rotated.row.previous_secret);
  EXPECT_EQ(rotated.row.previous_secret->secret, made.row.secret);
  EXPECT_EQ(rotated.row.previous_secret->expires_at, fixture.clock.now() + hours(24));
  auto at_once = fixture.run(fixture.endpoints.rotate_secret(fixture.admin(), made.row.id, seconds(0))).value();
  EXPECT_FALSE(at_once.row.previous_secret);
  for (auto overlap : {seconds(-1), seconds(kMostOverlap) + seconds(1)}) {
    EXPECT_FALSE(fixture.run(fixture.endpoints.rotate_secret(fixture.admin(), made.row.id, overlap)));
  }
  EXPECT_EQ(get(made.row.id).value(), at_once.row);
}

TEST_F(EndpointsTest, DeliveriesComeInPagesNewestFirst) {
  auto made = create("https://example.com/").value();
  for (int i = 0; i < 5; ++i) {
    fixture.clock.advance(seconds(1));
    fixture.publish(event_type::kExternalKeyFailed, "ekey_" + std::to_string(i));
  }
  std::vector<std::string> bodies;
  std::optional<std::string> page;
  do {
    auto got = fixture.run(fixture.endpoints.deliveries(fixture.admin(), made.row.id, 2, page)).value();
    for (const auto& delivery : got.deliveries) bodies.push_back(delivery.body);
    page = got.next_page;
  } while (page);
  ASSERT_THAT(bodies, SizeIs(5));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(bodies[static_cast<std::size_t>(4 - i)], HasSubstr("ekey_" + std::to_string(i)));
  EXPECT_FALSE(fixture.run(fixture.endpoints.deliveries(fixture.admin(), made.row.id, 2, "nonsense")));
}

}  // namespace
}  // namespace latchkey::webhooks
