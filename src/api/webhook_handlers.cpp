// Webhook endpoints, our own addition to the contract's.
#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"
#include "store/names.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr json_fields::TextLimits kUrl{1, 2048};
constexpr json_fields::TextLimits kDescription{0, 255};
constexpr json_fields::TextLimits kEventName{1, 255};
constexpr std::size_t kMostEvents = 64;
constexpr LimitBounds kLimit{20, 100};
constexpr std::chrono::hours kOverlap{24};

std::string endpoint_id(const Call& call) {
  return std::string(call.request.path_parameter("webhook_id"));
}

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(format_timestamp(*time)) : json::value(nullptr);
}

json::object to_json(const store::WebhookEndpoint& endpoint) {
  std::optional<Timestamp> previous_expires_at;
  if (endpoint.previous_secret) previous_expires_at = endpoint.previous_secret->expires_at;
  return {{"id", endpoint.id},
          {"type", "webhook_endpoint"},
          {"url", endpoint.url},
          {"description", endpoint.description},
          {"events", json::value_from(endpoint.events)},
          {"status", endpoint.enabled ? "enabled" : "disabled"},
          {"disabled_reason", endpoint.enabled ? json::value(nullptr) : json::value(endpoint.disabled_reason)},
          {"previous_secret_expires_at", time_or_null(previous_expires_at)},
          {"created_at", format_timestamp(endpoint.created_at)},
          {"updated_at", format_timestamp(endpoint.updated_at)}};
}

json::object to_json(const webhooks::EndpointWithSecret& made) {
  auto shown = to_json(made.row);
  shown["secret"] = made.secret;
  return shown;
}

json::object to_json(const store::WebhookDelivery& delivery) {
  return {{"id", delivery.id},
          {"type", "webhook_delivery"},
          {"webhook_endpoint_id", delivery.endpoint_id},
          {"event_id", delivery.event_id},
          {"event_type", delivery.event_type},
          {"status", to_text(delivery.state)},
          {"attempts", delivery.attempts},
          {"created_at", format_timestamp(delivery.created_at)},
          {"last_attempt_at", time_or_null(delivery.last_attempt_at)},
          {"next_attempt_at", time_or_null(delivery.next_attempt_at)},
          {"last_response_status", delivery.last_status ? json::value(*delivery.last_status) : json::value(nullptr)},
          {"last_error", text_or_null(delivery.last_error)}};
}

// Absent where the body names no events; the floor below knows which events there are.
Result<std::optional<std::vector<std::string>>> read_events(const json::object& body) {
  using Events = std::vector<std::string>;
  const auto* value = body.if_contains("events");
  if (value == nullptr) return std::optional<Events>();
  const auto* array = value->if_array();
  if (array == nullptr || array->size() > kMostEvents) {
    return Error{ErrorCode::Invalid, fmt::format("events: Input should be a list of at most {} strings", kMostEvents)};
  }
  Events events;
  for (const auto& item : *array) {
    LATCHKEY_TRY(auto event, json_fields::read_text(item, fmt::format("events.{}", events.size()), kEventName));
    events.push_back(std::move(event));
  }
  return std::optional(std::move(events));
}

Result<std::optional<bool>> read_status(const json::object& body) {
  LATCHKEY_TRY(auto status, json_fields::optional_text(body, "", "status", {}));
  if (!status) return std::optional<bool>();
  if (*status == "enabled") return std::optional(true);
  if (*status == "disabled") return std::optional(false);
  return Error{ErrorCode::Invalid, "status: Input should be 'enabled' or 'disabled'"};
}

Result<std::chrono::seconds> read_overlap(std::string_view text) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text, true));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"overlap_seconds"}));
  const auto* value = body.if_contains("overlap_seconds");
  if (value == nullptr) return kOverlap;
  if (!value->is_int64()) return Error{ErrorCode::Invalid, "overlap_seconds: Input should be a whole number"};
  return std::chrono::seconds(value->get_int64());
}

Task<Result<http::Response>> create_endpoint(const WebhookParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body));
  LATCHKEY_CO_TRYV(json_fields::refuse_unknown(body, "", {"url", "description", "events"}));
  webhooks::NewEndpoint wanted;
  LATCHKEY_CO_TRY(wanted.url, json_fields::required_text(body, "", "url", kUrl));
  LATCHKEY_CO_TRY(auto description, json_fields::optional_text(body, "", "description", kDescription));
  wanted.description = description.value_or("");
  LATCHKEY_CO_TRY(auto events, read_events(body));
  if (events) {
    if (events->empty()) co_return Error{ErrorCode::Invalid, "events: Must name at least one event"};
    wanted.events = std::move(*events);
  }
  LATCHKEY_CO_TRY(auto made, co_await parts.endpoints.create(call.caller, std::move(wanted)));
  co_return json_response(to_json(made));
}

Task<Result<http::Response>> list_endpoints(const WebhookParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto endpoints, co_await parts.endpoints.list(call.caller));
  json::array data;
  for (const auto& endpoint : endpoints) data.push_back(to_json(endpoint));
  json::object body{{"data", std::move(data)}, {"next_page", nullptr}};
  co_return json_response(body);
}

Task<Result<http::Response>> get_endpoint(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRY(auto endpoint, co_await parts.endpoints.get(call.caller, std::move(id)));
  co_return json_response(to_json(endpoint));
}

Task<Result<http::Response>> update_endpoint(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body));
  LATCHKEY_CO_TRYV(json_fields::refuse_unknown(body, "", {"url", "description", "events", "status"}));
  webhooks::EndpointChange change;
  LATCHKEY_CO_TRY(change.url, json_fields::optional_text(body, "", "url", kUrl));
  LATCHKEY_CO_TRY(change.description, json_fields::optional_text(body, "", "description", kDescription));
  LATCHKEY_CO_TRY(change.events, read_events(body));
  LATCHKEY_CO_TRY(change.enabled, read_status(body));
  LATCHKEY_CO_TRY(auto endpoint, co_await parts.endpoints.update(call.caller, std::move(id), std::move(change)));
  co_return json_response(to_json(endpoint));
}

Task<Result<http::Response>> delete_endpoint(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRYV(co_await parts.endpoints.remove(call.caller, id));
  json::object body{{"id", std::move(id)}, {"type", "webhook_endpoint_deleted"}};
  co_return json_response(body);
}

Task<Result<http::Response>> rotate_secret(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRY(auto overlap, read_overlap(call.request.body));
  LATCHKEY_CO_TRY(auto made, co_await parts.endpoints.rotate_secret(call.caller, std::move(id), overlap));
  co_return json_response(to_json(made));
}

Task<Result<http::Response>> test_endpoint(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto delivery, co_await parts.deliverer.test(call.caller, std::move(id)));
  co_return json_response(to_json(delivery));
}

Task<Result<http::Response>> list_deliveries(const WebhookParts& parts, Call call) {
  auto id = endpoint_id(call);
  LATCHKEY_CO_TRY(auto limit, limit_parameter(call.request, kLimit));
  auto cursor = text_parameter(call.request, "page");
  LATCHKEY_CO_TRY(auto page, co_await parts.endpoints.deliveries(call.caller, std::move(id), limit, std::move(cursor)));
  json::array data;
  for (const auto& delivery : page.deliveries) data.push_back(to_json(delivery));
  json::object body{{"data", std::move(data)}, {"next_page", text_or_null(page.next_page)}};
  co_return json_response(body);
}

}  // namespace

std::vector<Endpoint> webhook_endpoints(WebhookParts parts, const ApiLimits& limits) {
  constexpr auto kAll = "/v1/organizations/webhooks";
  constexpr auto kOne = "/v1/organizations/webhooks/{webhook_id}";
  constexpr auto kRotate = "/v1/organizations/webhooks/{webhook_id}/rotate_secret";
  constexpr auto kTest = "/v1/organizations/webhooks/{webhook_id}/test";
  constexpr auto kDeliveries = "/v1/organizations/webhooks/{webhook_id}/deliveries";
  auto on = with_parts(parts);
  return {{.method = "POST",
           .pattern = kAll,
           .access = Access::Admin,
           .handler = on(create_endpoint),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kAll,
           .access = Access::Admin,
           .handler = on(list_endpoints),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(get_endpoint),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(update_endpoint),
           .body_limit = limits.json_body},
          {.method = "DELETE",
           .pattern = kOne,
           .access = Access::Admin,
           .handler = on(delete_endpoint),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kRotate,
           .access = Access::Admin,
           .handler = on(rotate_secret),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kTest,
           .access = Access::Admin,
           .handler = on(test_endpoint),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kDeliveries,
           .access = Access::Admin,
           .handler = on(list_deliveries),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
