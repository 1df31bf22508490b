#include "webhooks/event.hpp"

#include <algorithm>
#include <array>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "webhooks/backlog.hpp"

namespace latchkey::webhooks {

namespace json = boost::json;

std::span<const std::string_view> subscribable_events() {
  static constexpr std::array kEvents{event_type::kExternalKeyFailed, event_type::kExternalKeyRecovered};
  return kEvents;
}

store::WebhookDelivery make_delivery(const Event& event, std::string_view event_id, std::string_view endpoint_id,
                                     Timestamp now, RandomSource& random) {
  json::object body{
      {"type", "event"},
      {"id", event_id},
      {"created_at", format_timestamp(now)},
      {"data", {{"type", event.type}, {"id", event.subject_id}, {"organization_id", format_uuid(event.organization)}}}};
  store::WebhookDelivery delivery;
  delivery.id = make_id(id_prefix::kWebhookDelivery, random);
  delivery.organization = event.organization;
  delivery.endpoint_id = endpoint_id;
  delivery.event_id = event_id;
  delivery.event_type = event.type;
  delivery.body = json::serialize(body);
  delivery.created_at = now;
  delivery.next_attempt_at = now;
  return delivery;
}

Result<void> publish(store::Transaction& transaction, const Clock& clock, RandomSource& random, const Event& event) {
  LATCHKEY_TRY(auto endpoints, transaction.list_webhook_endpoints(event.organization));
  auto event_id = make_id(id_prefix::kEvent, random);
  auto now = clock.now();
  std::vector<store::WebhookDelivery> deliveries;
  for (const auto& endpoint : endpoints) {
    bool wanted = std::ranges::find(endpoint.events, event.type) != endpoint.events.end();
    if (!endpoint.enabled || !wanted) continue;
    deliveries.push_back(make_delivery(event, event_id, endpoint.id, now, random));
  }
  return enqueue(transaction, clock, random, deliveries);
}

}  // namespace latchkey::webhooks
