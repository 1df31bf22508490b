// Events, and how they reach the deliverer. Publishing an event writes one delivery for each endpoint that wants it, in
// the transaction that causes the event, so that an event that is not committed never happened. The deliverer reads the
// deliveries from the store. Where too many wait for an endpoint, the oldest are given up (backlog.hpp).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace latchkey::webhooks {

namespace event_type {
inline constexpr std::string_view kExternalKeyFailed = "external_key.failed";
inline constexpr std::string_view kExternalKeyRecovered = "external_key.recovered";
// Only `latchkey webhooks test` sends it, to the endpoint that it names.
inline constexpr std::string_view kEndpointTest = "webhook_endpoint.test";
}  // namespace event_type

// The events that an endpoint can subscribe to.
[[nodiscard]] std::span<const std::string_view> subscribable_events();

struct Event {
  std::string_view type;
  Uuid organization;
  std::string subject_id;  // the object that the event is about: ekey_..., or the endpoint of a test
};

// The delivery of an event to an endpoint, due now. Its body is {"type": "event", "id": "evt_...", "created_at",
// "data": {"type", "id", "organization_id"}} and nothing else: the receiver asks the API for the state by then, and for
// its cause.
[[nodiscard]] store::WebhookDelivery make_delivery(const Event& event, std::string_view event_id,
                                                   std::string_view endpoint_id, Timestamp now, RandomSource& random);

// Errors: the store's.
[[nodiscard]] Result<void> publish(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                   const Event& event);

}  // namespace latchkey::webhooks
