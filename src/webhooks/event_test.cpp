#include "webhooks/event.hpp"

#include <gmock/gmock.h>

#include "webhooks/testing/webhook_fixture.hpp"

namespace latchkey::webhooks {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

struct EventTest : ::testing::Test {
  testing::WebhookFixture fixture;
};

TEST_F(EventTest, ADeliveryTellsWhatHappenedToWhatAndNoMore) {
  auto endpoint = fixture.make_endpoint();
  fixture.publish();
  auto delivery = fixture.delivery(endpoint.row.id);
  auto body = boost::json::parse(delivery.body).as_object();
  EXPECT_EQ(body, (boost::json::object{{"type", "event"},
                                       {"id", delivery.event_id},
                                       {"created_at", format_timestamp(fixture.clock.now())},
                                       {"data",
                                        {{"type", "external_key.failed"},
                                         {"id", "ekey_1"},
                                         {"organization_id", format_uuid(fixture.admin().organization)}}}}));
  EXPECT_TRUE(delivery.event_id.starts_with("evt_"));
  EXPECT_EQ(delivery.next_attempt_at, fixture.clock.now());
}

TEST_F(EventTest, GoesToEveryEndpointThatWantsItUnderOneId) {
  auto all = fixture.make_endpoint();
  auto failures = fixture.make_endpoint("https://example.com/2", {"external_key.failed"});
  auto recoveries = fixture.make_endpoint("https://example.com/3", {"external_key.recovered"});
  auto disabled = fixture.make_endpoint("https://example.com/4");
  EndpointChange change;
  change.enabled = false;
  ASSERT_TRUE(fixture.run(fixture.endpoints.update(fixture.admin(), disabled.row.id, change)));
  fixture.publish();
  EXPECT_THAT(fixture.deliveries(recoveries.row.id), IsEmpty());
  EXPECT_THAT(fixture.deliveries(disabled.row.id), IsEmpty());
  EXPECT_EQ(fixture.delivery(all.row.id).event_id, fixture.delivery(failures.row.id).event_id);
  EXPECT_NE(fixture.delivery(all.row.id).id, fixture.delivery(failures.row.id).id);
  fixture.publish(event_type::kExternalKeyRecovered);
  EXPECT_THAT(fixture.deliveries(recoveries.row.id), SizeIs(1));
  EXPECT_THAT(fixture.deliveries(failures.row.id), SizeIs(1));
}

TEST_F(EventTest, StaysWithinTheOrganisation) {
  NewEndpoint wanted{.url = "https://example.com/", .description = "", .events = {}};
  auto theirs = fixture.run(fixture.endpoints.create(fixture.stranger(), wanted)).value();
  fixture.publish();
  auto page = fixture.run(fixture.endpoints.deliveries(fixture.stranger(), theirs.row.id, 10, std::nullopt)).value();
  EXPECT_THAT(page.deliveries, IsEmpty());
}

TEST_F(EventTest, WhatIsRolledBackWasNeverPublished) {
  auto endpoint = fixture.make_endpoint();
  auto fail = [&](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(publish(tx, fixture.clock, fixture.random,
                          {event_type::kExternalKeyFailed, fixture.admin().organization, "ekey_1"}));
    return Error{ErrorCode::Internal, "as the test says"};
  };
  ASSERT_FALSE(fixture.run(fixture.store().write(fail)));
  EXPECT_THAT(fixture.deliveries(endpoint.row.id), IsEmpty());
}

}  // namespace
}  // namespace latchkey::webhooks
