#include <boost/json/array.hpp>

#include "admin/data_keys.hpp"
#include "admin/rewraps.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"
#include "store/names.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr LimitBounds kLimit{20, 1000};
constexpr json_fields::TextLimits kName{0, 2048};
constexpr std::size_t kMostMessage = 4096;

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(format_timestamp(*time)) : json::value(nullptr);
}

json::object to_json(const store::DataKey& key) {
  return json::object{{"id", format_id(id_prefix::kDataKey, key.id)},
                      {"type", "data_key"},
                      {"state", to_text(key.state)},
                      {"external_key_id", text_or_null(key.external_key_id)},
                      {"key_version", key.key_version},
                      {"created_at", format_timestamp(key.created_at)},
                      {"last_used_at", time_or_null(key.last_used_at)},
                      {"retired_at", time_or_null(key.retired_at)},
                      {"rewrapped_at", time_or_null(key.rewrapped_at)},
                      {"destroyed_at", time_or_null(key.destroyed_at)},
                      {"records", key.records},
                      {"bytes", key.bytes}};
}

http::Response respond(const admin::RewrapProgress& progress) {
  const auto& [rewrap, count] = progress;
  json::object body{
      {"type", "external_key_rewrap"},
      {"external_key_id", rewrap.external_key_id},
      {"status", to_text(rewrap.state)},
      {"target_version", rewrap.target_version},
      {"data_keys", {{"total", count.total}, {"done", count.total - count.remaining}, {"remaining", count.remaining}}},
      {"started_at", format_timestamp(rewrap.started_at)},
      {"updated_at", format_timestamp(rewrap.updated_at)},
      {"error", nullptr}};
  if (rewrap.error) {
    body["error"] = json::object{{"message", json_fields::clean_text(*rewrap.error, kMostMessage)},
                                 {"reason", text_or_null(rewrap.reason)}};
  }
  return json_response(body);
}

std::string parameter(const Call& call, std::string_view name) {
  return std::string(call.request.path_parameter(name));
}

Task<Result<http::Response>> list_data_keys(const DataKeyParts& parts, Call call) {
  auto workspace = parameter(call, "workspace_id");
  LATCHKEY_CO_TRY(auto limit, limit_parameter(call.request, kLimit));
  auto cursor = text_parameter(call.request, "page");
  LATCHKEY_CO_TRY(auto page,
                  co_await parts.data_keys.list(call.caller, std::move(workspace), limit, std::move(cursor)));
  json::array data;
  for (const auto& key : page.keys) data.push_back(to_json(key));
  json::object body{{"data", std::move(data)}, {"next_page", text_or_null(page.next_page)}};
  co_return json_response(body);
}

Task<Result<http::Response>> shred_workspace(const DataKeyParts& parts, Call call) {
  auto workspace = parameter(call, "workspace_id");
  LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body));
  LATCHKEY_CO_TRYV(json_fields::refuse_unknown(body, "", {"name"}));
  LATCHKEY_CO_TRY(auto name, json_fields::required_text(body, "", "name", kName));
  LATCHKEY_CO_TRY(auto shredded, co_await parts.data_keys.shred(call.caller, std::move(workspace), std::move(name)));
  json::object response{{"id", shredded.workspace_id},
                        {"type", "workspace_shredded"},
                        {"data_keys", shredded.data_keys},
                        {"records", shredded.records},
                        {"bytes", shredded.bytes}};
  co_return json_response(response);
}

Task<Result<http::Response>> start_rewrap(const DataKeyParts& parts, Call call) {
  auto id = parameter(call, "external_key_id");
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto progress, co_await parts.rewraps.start(call.caller, std::move(id), call.deadline));
  co_return respond(progress);
}

Task<Result<http::Response>> pause_rewrap(const DataKeyParts& parts, Call call) {
  auto id = parameter(call, "external_key_id");
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto progress, co_await parts.rewraps.pause(call.caller, std::move(id)));
  co_return respond(progress);
}

Task<Result<http::Response>> get_rewrap(const DataKeyParts& parts, Call call) {
  auto id = parameter(call, "external_key_id");
  LATCHKEY_CO_TRY(auto progress, co_await parts.rewraps.get(call.caller, std::move(id)));
  co_return respond(progress);
}

}  // namespace

std::vector<Endpoint> data_key_endpoints(DataKeyParts parts, const ApiLimits& limits) {
  constexpr auto kDataKeys = "/v1/organizations/workspaces/{workspace_id}/data_keys";
  constexpr auto kShred = "/v1/organizations/workspaces/{workspace_id}/shred";
  constexpr auto kRewrap = "/v1/organizations/external_keys/{external_key_id}/rewrap";
  constexpr auto kPause = "/v1/organizations/external_keys/{external_key_id}/rewrap/pause";
  auto on = with_parts(parts);
  return {{.method = "GET",
           .pattern = kDataKeys,
           .access = Access::Admin,
           .handler = on(list_data_keys),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kShred,
           .access = Access::Admin,
           .handler = on(shred_workspace),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kRewrap,
           .access = Access::Admin,
           .handler = on(start_rewrap),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kRewrap,
           .access = Access::Admin,
           .handler = on(get_rewrap),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kPause,
           .access = Access::Admin,
           .handler = on(pause_rewrap),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
