// The health of external keys, and their suspension. These endpoints are our own addition to the contract's, whose
// objects they leave as they are.
#include <boost/json/array.hpp>

#include "admin/external_keys.hpp"
#include "admin/suspensions.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"
#include "health/announcement.hpp"
#include "health/health_monitor.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr json_fields::TextLimits kReason{1, 500};
constexpr LimitBounds kLimit{20, 100};

std::string key_id(const Call& call) {
  return std::string(call.request.path_parameter("external_key_id"));
}

Result<std::optional<std::string>> read_reason(std::string_view text) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text, true));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"reason"}));
  return json_fields::nullable_text(body, "", "reason", kReason);
}

Task<Result<http::Response>> get_health(const KeyHealthParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRY(auto health, co_await parts.health.health_of(call.caller, std::move(id)));
  co_return json_response(health::to_json(health));
}

// The list has the order and the pages of the list of external keys.
Task<Result<http::Response>> list_health(const KeyHealthParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto limit, limit_parameter(call.request, kLimit));
  auto cursor = text_parameter(call.request, "page");
  LATCHKEY_CO_TRY(auto page, co_await parts.external_keys.list(call.caller, limit, std::move(cursor)));
  json::array data;
  for (const auto& key : page.keys) {
    auto health = co_await parts.health.health_of(call.caller, key.row.id);
    // An admin deleted the key since this read the page.
    if (!health && health.error().code == ErrorCode::NotFound) continue;
    if (!health) co_return health.error();
    data.push_back(health::to_json(health.value()));
  }
  json::object body{{"data", std::move(data)}, {"next_page", text_or_null(page.next_page)}};
  co_return json_response(body);
}

Task<Result<http::Response>> suspend_key(const KeyHealthParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRY(auto reason, read_reason(call.request.body));
  LATCHKEY_CO_TRY(auto health, co_await parts.suspensions.suspend(call.caller, std::move(id), std::move(reason)));
  co_return json_response(health::to_json(health));
}

Task<Result<http::Response>> resume_key(const KeyHealthParts& parts, Call call) {
  auto id = key_id(call);
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto health, co_await parts.suspensions.resume(call.caller, std::move(id)));
  co_return json_response(health::to_json(health));
}

}  // namespace

std::vector<Endpoint> key_health_endpoints(KeyHealthParts parts, const ApiLimits& limits) {
  constexpr auto kList = "/v1/organizations/external_key_health";
  constexpr auto kHealth = "/v1/organizations/external_keys/{external_key_id}/health";
  constexpr auto kSuspend = "/v1/organizations/external_keys/{external_key_id}/suspend";
  constexpr auto kResume = "/v1/organizations/external_keys/{external_key_id}/resume";
  auto on = with_parts(parts);
  return {{.method = "GET",
           .pattern = kList,
           .access = Access::Admin,
           .handler = on(list_health),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kHealth,
           .access = Access::Admin,
           .handler = on(get_health),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kSuspend,
           .access = Access::Admin,
           .handler = on(suspend_key),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kResume,
           .access = Access::Admin,
           .handler = on(resume_key),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
