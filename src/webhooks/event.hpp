// Events, and how they get on their way: publishing writes, in the transaction that causes the event, one delivery for
// each endpoint that wants it. The deliverer finds it there; what is not committed never happened. Where too many wait
// for an endpoint, its oldest are given up (backlog.hpp).
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
// Sent by `latchkey webhooks test` alone, to the endpoint of its id.
inline constexpr std::string_view kEndpointTest = "webhook_endpoint.test";
}  // namespace event_type

// Those that an endpoint can ask for.
[[nodiscard]] std::span<const std::string_view> subscribable_events();

struct Event {
  std::string_view type;
  Uuid organization;
  std::string subject_id;  // what it is about: ekey_..., or the endpoint of a test
};

// The delivery of an event to an endpoint, due now. Its body is {"type": "event", "id": "evt_...", "created_at",
// "data": {"type", "id", "organization_id"}} and nothing else: what the state is by then, and why, the receiver asks.
[[nodiscard]] store::WebhookDelivery make_delivery(const Event& event, std::string_view event_id,
                                                   std::string_view endpoint_id, Timestamp now, RandomSource& random);

// Errors: the store's.
[[nodiscard]] Result<void> publish(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                   const Event& event);

}  // namespace latchkey::webhooks
