// Endpoints and their deliverer over the test fixture of audit, with a client that responds as a test says.
#pragma once

#include "audit/testing/audit_fixture.hpp"
#include "testing/fake_key_provider.hpp"
#include "testing/scripted_client.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"
#include "webhooks/event.hpp"

namespace latchkey::webhooks::testing {

class WebhookFixture : public audit::testing::AuditFixture {
 public:
  WebhookFixture() {
    add_organizations();
    restart(client);
  }

  void restart(http::Client& through) {
    deliverer.emplace(store(), through, secrets, clock, random, context.get_executor(), DelivererSettings{});
  }

  [[nodiscard]] EndpointWithSecret make_endpoint(std::string url = "https://example.com/hooks",
                                                 std::vector<std::string> events = {}) {
    clock.advance(std::chrono::seconds(1));
    NewEndpoint wanted{.url = std::move(url), .description = "", .events = std::move(events)};
    return run(endpoints.create(admin(), std::move(wanted))).value();
  }
  void publish(std::string_view type = event_type::kExternalKeyFailed, std::string subject = "ekey_1") {
    auto write = [this, type, subject = std::move(subject)](store::Transaction& tx) {
      return webhooks::publish(tx, clock, random, {type, admin().organization, subject});
    };
    run(store().write(std::move(write))).value();
  }
  // Sends the deliveries that are due at this time, and waits until their outcomes are written down.
  void deliver() {
    (void)run(deliverer->run_once());
    while (!deliverer->idle()) context.run_one();
  }
  void deliver_after(std::chrono::milliseconds time) {
    clock.advance(time);
    deliver();
  }
  // Newest first.
  [[nodiscard]] std::vector<store::WebhookDelivery> deliveries(const std::string& endpoint_id) {
    return run(endpoints.deliveries(admin(), endpoint_id, 1000, std::nullopt)).value().deliveries;
  }
  [[nodiscard]] store::WebhookDelivery delivery(const std::string& endpoint_id) {
    auto all = deliveries(endpoint_id);
    EXPECT_EQ(all.size(), 1U);
    return all.at(0);
  }

  kms::testing::ScriptedClient client{[](const auto&) { return kms::testing::response(200, ""); }};
  admin::testing::FakeKeyProvider provider;
  SecretKeeper secrets{provider, clock, random};
  Endpoints endpoints{store(), secrets, clock, random, {}};
  std::optional<Deliverer> deliverer;
};

}  // namespace latchkey::webhooks::testing
