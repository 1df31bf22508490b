#include "webhooks/event.hpp"

#include <gmock/gmock.h>

#include "webhooks/testing/webhook_world.hpp"

namespace latchkey::webhooks {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

struct EventTest : ::testing::Test {
  testing::WebhookWorld world;
};

TEST_F(EventTest, ADeliveryTellsWhatHappenedToWhatAndNoMore) {
  auto endpoint = world.make_endpoint();
  world.publish();
  auto delivery = world.delivery(endpoint.row.id);
  auto body = boost::json::parse(delivery.body).as_object();
  EXPECT_EQ(body, (boost::json::object{{"type", "event"},
                                       {"id", delivery.event_id},
                                       {"created_at", format_timestamp(world.clock.now())},
                                       {"data",
                                        {{"type", "external_key.failed"},
                                         {"id", "ekey_1"},
                                         {"organization_id", format_uuid(world.own.organization.id)}}}}));
  EXPECT_TRUE(delivery.event_id.starts_with("evt_"));
  EXPECT_EQ(delivery.next_attempt_at, world.clock.now());
}

TEST_F(EventTest, GoesToEveryEndpointThatWantsItUnderOneId) {
  auto all = world.make_endpoint();
  auto failures = world.make_endpoint("https://example.com/2", {"external_key.failed"});
  auto recoveries = world.make_endpoint("https://example.com/3", {"external_key.recovered"});
  auto disabled = world.make_endpoint("https://example.com/4");
  EndpointChange change;
  change.enabled = false;
  ASSERT_TRUE(world.run(world.endpoints.update(world.admin(), disabled.row.id, change)));
  world.publish();
  EXPECT_THAT(world.deliveries(recoveries.row.id), IsEmpty());
  EXPECT_THAT(world.deliveries(disabled.row.id), IsEmpty());
  EXPECT_EQ(world.delivery(all.row.id).event_id, world.delivery(failures.row.id).event_id);
  EXPECT_NE(world.delivery(all.row.id).id, world.delivery(failures.row.id).id);
  world.publish(event_type::kExternalKeyRecovered);
  EXPECT_THAT(world.deliveries(recoveries.row.id), SizeIs(1));
  EXPECT_THAT(world.deliveries(failures.row.id), SizeIs(1));
}

TEST_F(EventTest, StaysWithinTheOrganisation) {
  NewEndpoint wanted{.url = "https://example.com/", .description = "", .events = {}};
  auto theirs = world.run(world.endpoints.create(world.stranger(), wanted)).value();
  world.publish();
  auto page = world.run(world.endpoints.deliveries(world.stranger(), theirs.row.id, 10, std::nullopt)).value();
  EXPECT_THAT(page.deliveries, IsEmpty());
}

TEST_F(EventTest, WhatIsRolledBackWasNeverPublished) {
  auto endpoint = world.make_endpoint();
  auto fail = [&](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(
        publish(tx, world.clock, world.random, {event_type::kExternalKeyFailed, world.own.organization.id, "ekey_1"}));
    return Error{ErrorCode::Internal, "as the test says"};
  };
  ASSERT_FALSE(world.run(world.store().write(fail)));
  EXPECT_THAT(world.deliveries(endpoint.row.id), IsEmpty());
}

}  // namespace
}  // namespace latchkey::webhooks
