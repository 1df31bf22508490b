#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "admin/lease_policies.hpp"
#include "admin/workspace_rules.hpp"
#include "admin/workspaces.hpp"
#include "api/handlers.hpp"
#include "api/parameters.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"
#include "store/changes.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr json_fields::TextLimits kName{1, admin::kMaxWorkspaceName};
constexpr json_fields::TextLimits kId{1, 2048};
constexpr json_fields::TextLimits kAnyText{0, 2048};
constexpr LimitBounds kLimit{20, 1000};
constexpr std::size_t kMaxIds = 100;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

Result<json::object> to_json(const store::Workspace& row) {
  json::error_code error;
  auto geos = json::parse(row.allowed_inference_geos, error);
  if (error) return Error{ErrorCode::Internal, "allowed_inference_geos of " + row.id + " cannot be read"};
  json::object tags;
  for (const auto& [key, value] : row.tags) tags[key] = value;
  return json::object{
      {"id", row.id},
      {"type", "workspace"},
      {"name", row.name},
      {"created_at", format_timestamp(row.created_at)},
      {"archived_at", row.archived_at ? json::value(format_timestamp(*row.archived_at)) : json::value()},
      {"compartment_id", format_uuid(row.compartment)},
      {"display_color", row.display_color},
      {"external_key_id", text_or_null(row.external_key_id)},
      {"data_residency",
       {{"workspace_geo", row.workspace_geo},
        {"allowed_inference_geos", std::move(geos)},
        {"default_inference_geo", row.default_inference_geo}}},
      {"tags", std::move(tags)},
      {"user_profile_id", nullptr}};
}

Result<http::Response> respond(const store::Workspace& row) {
  LATCHKEY_TRY(auto body, to_json(row));
  return json_response(body);
}

std::string workspace_id(const Call& call) {
  return std::string(call.request.path_parameter("workspace_id"));
}

// An object field; null where it is missing or null.
Result<const json::object*> nullable_object(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return static_cast<const json::object*>(nullptr);
  if (!value->is_object()) return invalid(std::string(name) + ": Input should be an object");
  return &value->get_object();
}

Result<admin::DataResidencyChange> read_residency(const json::object& body, bool creates) {
  constexpr std::string_view kPath = "data_residency";
  admin::DataResidencyChange change;
  LATCHKEY_TRY(const auto* residency, nullable_object(body, kPath));
  if (residency == nullptr) return change;
  if (creates) {
    LATCHKEY_TRYV(json_fields::refuse_unknown(*residency, kPath,
                                              {"workspace_geo", "allowed_inference_geos", "default_inference_geo"}));
  } else {
    LATCHKEY_TRYV(json_fields::refuse_unknown(*residency, kPath, {"allowed_inference_geos", "default_inference_geo"}));
  }
  LATCHKEY_TRY(change.workspace_geo, json_fields::nullable_text(*residency, kPath, "workspace_geo", kAnyText));
  if (const auto* geos = residency->if_contains("allowed_inference_geos"); geos != nullptr && !geos->is_null()) {
    change.allowed_inference_geos = json::serialize(*geos);
  }
  LATCHKEY_TRY(change.default_inference_geo,
               json_fields::nullable_text(*residency, kPath, "default_inference_geo", kAnyText));
  return change;
}

// Tags of a create (`Value` std::string, null refused) or of an update (std::optional, null deletes).
template <class Value>
Result<std::map<std::string, Value>> read_tags(const json::object& body) {
  std::map<std::string, Value> tags;
  LATCHKEY_TRY(const auto* object, nullable_object(body, "tags"));
  if (object == nullptr) return tags;
  for (const auto& field : *object) {
    std::string key(field.key().data(), field.key().size());
    if constexpr (std::is_same_v<Value, std::optional<std::string>>) {
      if (field.value().is_null()) {
        tags.emplace(std::move(key), std::nullopt);
        continue;
      }
    }
    LATCHKEY_TRY(auto value, json_fields::read_text(field.value(), "tags." + json_fields::clean_text(key), kAnyText));
    tags.emplace(std::move(key), std::move(value));
  }
  return tags;
}

Result<admin::NewWorkspace> read_new_workspace(std::string_view text) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text));
  LATCHKEY_TRYV(json_fields::refuse_unknown(
      body, "", {"name", "data_residency", "display_color", "external_key_id", "tags", "user_profile_id"}));
  LATCHKEY_TRYV(refuse_user_profile(body));
  admin::NewWorkspace workspace;
  LATCHKEY_TRY(workspace.name, json_fields::required_text(body, "", "name", kName));
  LATCHKEY_TRY(workspace.display_color, json_fields::nullable_text(body, "", "display_color", kAnyText));
  LATCHKEY_TRY(workspace.external_key_id, json_fields::nullable_text(body, "", "external_key_id", kId));
  LATCHKEY_TRY(workspace.data_residency, read_residency(body, true));
  LATCHKEY_TRY(workspace.tags, read_tags<std::string>(body));
  return workspace;
}

Result<admin::WorkspaceChange> read_change(std::string_view text) {
  LATCHKEY_TRY(auto body, json_fields::parse_object(text, true));
  LATCHKEY_TRYV(json_fields::refuse_unknown(
      body, "", {"name", "data_residency", "display_color", "external_key_id", "tags", "user_profile_id"}));
  LATCHKEY_TRYV(refuse_user_profile(body));
  admin::WorkspaceChange change;
  LATCHKEY_TRY(change.name, json_fields::optional_text(body, "", "name", kName));
  LATCHKEY_TRY(change.display_color, json_fields::optional_text(body, "", "display_color", kAnyText));
  LATCHKEY_TRY(change.external_key_id, json_fields::optional_text(body, "", "external_key_id", kId));
  LATCHKEY_TRY(change.data_residency, read_residency(body, false));
  LATCHKEY_TRY(change.tags, read_tags<std::optional<std::string>>(body));
  return change;
}

Result<admin::WorkspaceQuery> read_query(const http::RequestHead& head) {
  admin::WorkspaceQuery query;
  LATCHKEY_TRY(query.limit, limit_parameter(head, kLimit));
  LATCHKEY_TRY(query.include_archived, flag_parameter(head, "include_archived"));
  LATCHKEY_TRY(query.include_default, flag_parameter(head, "include_default"));
  query.after_id = text_parameter(head, "after_id");
  query.before_id = text_parameter(head, "before_id");
  query.ids = list_parameter(head, "ids");
  if (query.ids && query.ids->size() > kMaxIds) return invalid("ids: List should have at most 100 items");
  return query;
}

// From this time on nobody writes under the platform's own key any more: no other server remembers the workspace as it
// was, the requests that read it before are over, and a client that leased the workspace's data key, for which the
// server's ages hold, has to ask again.
std::string holds_from(const WorkspaceParts& parts, std::chrono::milliseconds request_timeout) {
  return format_timestamp(parts.clock.now() + store::kTrustedFor + request_timeout +
                          parts.lease_policies.server_ages().soft);
}

Task<Result<http::Response>> create_workspace(const WorkspaceParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto wanted, read_new_workspace(call.request.body));
  LATCHKEY_CO_TRY(auto row, co_await parts.workspaces.create(call.caller, std::move(wanted)));
  co_return respond(row);
}

Task<Result<http::Response>> list_workspaces(const WorkspaceParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto query, read_query(call.request));
  LATCHKEY_CO_TRY(auto page, co_await parts.workspaces.list(call.caller, std::move(query)));
  json::array data;
  for (const auto& row : page.rows) {
    LATCHKEY_CO_TRY(auto object, to_json(row));
    data.push_back(std::move(object));
  }
  json::object body{{"data", std::move(data)}, {"has_more", page.has_more}};
  body["first_id"] = page.rows.empty() ? json::value() : json::value(page.rows.front().id);
  body["last_id"] = page.rows.empty() ? json::value() : json::value(page.rows.back().id);
  co_return json_response(body);
}

Task<Result<http::Response>> get_workspace(const WorkspaceParts& parts, Call call) {
  auto id = workspace_id(call);
  LATCHKEY_CO_TRY(auto row, co_await parts.workspaces.get(call.caller, std::move(id)));
  co_return respond(row);
}

Task<Result<http::Response>> update_workspace(const WorkspaceParts& parts, std::chrono::milliseconds request_timeout,
                                              Call call) {
  auto id = workspace_id(call);
  LATCHKEY_CO_TRY(auto change, read_change(call.request.body));
  bool attaches = change.external_key_id.has_value();
  LATCHKEY_CO_TRY(auto row, co_await parts.workspaces.update(call.caller, std::move(id), std::move(change)));
  LATCHKEY_CO_TRY(auto response, respond(row));
  if (attaches) response.headers.add("latchkey-holds-from", holds_from(parts, request_timeout));
  co_return response;
}

Task<Result<http::Response>> archive_workspace(const WorkspaceParts& parts, Call call) {
  auto id = workspace_id(call);
  LATCHKEY_CO_TRYV(refuse_body(call.request.body));
  LATCHKEY_CO_TRY(auto row, co_await parts.workspaces.archive(call.caller, std::move(id)));
  co_return respond(row);
}

}  // namespace

std::vector<Endpoint> workspace_endpoints(WorkspaceParts parts, const ApiLimits& limits) {
  constexpr auto kList = "/v1/organizations/workspaces";
  constexpr auto kOne = "/v1/organizations/workspaces/{workspace_id}";
  constexpr auto kArchive = "/v1/organizations/workspaces/{workspace_id}/archive";
  auto on = with_parts(parts);
  auto update = [parts, timeout = limits.request_timeout](Call call) {
    return update_workspace(parts, timeout, std::move(call));
  };
  return {
      {.method = "POST",
       .pattern = kList,
       .access = Access::Admin,
       .handler = on(create_workspace),
       .body_limit = limits.json_body},
      {.method = "GET",
       .pattern = kList,
       .access = Access::Admin,
       .handler = on(list_workspaces),
       .body_limit = limits.json_body},
      {.method = "GET",
       .pattern = kOne,
       .access = Access::Admin,
       .handler = on(get_workspace),
       .body_limit = limits.json_body},
      {.method = "POST", .pattern = kOne, .access = Access::Admin, .handler = update, .body_limit = limits.json_body},
      {.method = "POST",
       .pattern = kArchive,
       .access = Access::Admin,
       .handler = on(archive_workspace),
       .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
