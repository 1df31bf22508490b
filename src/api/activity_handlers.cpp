#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "audit/activity_log.hpp"
#include "base/let_others_run.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr LimitBounds kLimit{100, 5000};
constexpr std::size_t kActivitiesAtOnce = 16;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

// "created_at.gte", or "created_at[gte]" as clients write nested parameters.
Result<std::optional<Timestamp>> time_parameter(const http::RequestHead& head, std::string_view bound) {
  auto dotted = fmt::format("created_at.{}", bound);
  auto text = text_parameter(head, dotted);
  if (!text) text = text_parameter(head, fmt::format("created_at[{}]", bound));
  if (!text) return std::optional<Timestamp>();
  // The "+" of an offset that a client left unescaped reads as a space in a query.
  constexpr std::string_view kOffset = "+02:00";
  if (text->size() > kOffset.size() && text->at(text->size() - kOffset.size()) == ' ') {
    text->at(text->size() - kOffset.size()) = '+';
  }
  auto time = parse_timestamp(*text);
  if (!time) return invalid(fmt::format("{}: {}", dotted, time.error().message()));
  return std::optional(time.value());
}

void append(std::vector<std::string>& list, std::optional<std::vector<std::string>> more) {
  if (more) list.insert(list.end(), more->begin(), more->end());
}

Result<store::ActivityFilter> read_filter(const http::RequestHead& head) {
  store::ActivityFilter filter;
  append(filter.types, list_parameter(head, "activity_types"));
  append(filter.excluded_types, list_parameter(head, "exclude_activity_types"));
  if (!filter.types.empty() && !filter.excluded_types.empty()) {
    return invalid("exclude_activity_types: Only one of activity_types and exclude_activity_types may be given");
  }
  append(filter.actor_ids, list_parameter(head, "actor_ids"));
  append(filter.actor_ids, list_parameter(head, "user_ids"));
  LATCHKEY_TRY(filter.at_or_after, time_parameter(head, "gte"));
  LATCHKEY_TRY(filter.after, time_parameter(head, "gt"));
  LATCHKEY_TRY(filter.at_or_before, time_parameter(head, "lte"));
  LATCHKEY_TRY(filter.before, time_parameter(head, "lt"));
  return filter;
}

Result<store::ListWindow> read_window(const http::RequestHead& head) {
  store::ListWindow window;
  LATCHKEY_TRY(window.limit, limit_parameter(head, kLimit));
  window.after = text_parameter(head, "after_id");
  window.before = text_parameter(head, "before_id");
  if (window.after && window.before) return invalid("before_id: Only one of after_id and before_id may be given");
  auto order = text_parameter(head, "order").value_or("desc");
  if (order != "desc" && order != "asc") return invalid("order: Input should be 'asc' or 'desc'");
  window.newest_first = order == "desc";
  return window;
}

// Whether organization_ids[], UUIDs or org_ ids, includes the caller's own organisation or is absent.
bool names_own(const http::RequestHead& head, const Uuid& own) {
  auto wanted = list_parameter(head, "organization_ids");
  if (!wanted) return true;
  RawId raw;
  std::copy(own.begin(), own.end(), raw.begin());
  auto org_id = format_id(id_prefix::kOrganization, raw);
  return std::any_of(wanted->begin(), wanted->end(), [&](const std::string& id) {
    auto uuid = parse_uuid(id);
    return id == org_id || (uuid && uuid.value() == own);
  });
}

json::value id_or_null(const store::Page<store::Activity>& page, bool last) {
  if (page.rows.empty()) return nullptr;
  return json::value(last ? page.rows.back().id : page.rows.front().id);
}

// A large page takes milliseconds to write. The requests that this thread serves besides do not wait so long: they come
// between a few activities and the next.
Task<Result<std::string>> render(const store::Page<store::Activity>& page) {
  std::string text = R"({"data":[)";
  for (std::size_t i = 0; i < page.rows.size(); ++i) {
    if (i > 0) text += ',';
    LATCHKEY_CO_TRY(auto object, audit::to_json(page.rows[i]));
    text += json::serialize(object);
    if ((i + 1) % kActivitiesAtOnce == 0) co_await let_others_run();
  }
  json::object rest{
      {"has_more", page.has_more}, {"first_id", id_or_null(page, false)}, {"last_id", id_or_null(page, true)}};
  text.append("],").append(json::serialize(rest).substr(1));
  co_return text;
}

Task<Result<http::Response>> list_activities(const ActivityParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto filter, read_filter(call.request));
  LATCHKEY_CO_TRY(auto window, read_window(call.request));
  store::Page<store::Activity> page;
  if (names_own(call.request, call.caller.organization)) {
    LATCHKEY_CO_TRY(page, co_await parts.activity.list(call.caller, std::move(filter), std::move(window)));
  }
  LATCHKEY_CO_TRY(auto text, co_await render(page));
  co_return json_text_response(std::move(text));
}

}  // namespace

std::vector<Endpoint> activity_endpoints(ActivityParts parts, const ApiLimits& limits) {
  auto on = with_parts(parts);
  return {{.method = "GET",
           .pattern = "/v1/compliance/activities",
           .access = Access::Activity,
           .handler = on(list_activities),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
