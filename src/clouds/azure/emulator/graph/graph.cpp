#include "clouds/azure/emulator/graph/graph.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 3> kAudiences = {"https://graph.microsoft.com/", "https://graph.microsoft.com",
                                                        "00000003-0000-0000-c000-000000000000"};
constexpr std::array<std::string_view, 3> kAdministrators = {"Global Administrator", "Application Administrator",
                                                             "Cloud Application Administrator"};

bool is_our_audience(std::string_view audience) {
  constexpr std::string_view kScheme = "https://";
  if (std::find(kAudiences.begin(), kAudiences.end(), audience) != kAudiences.end()) return true;
  if (!begins_with(audience, kScheme)) return false;
  audience.remove_prefix(kScheme.size());
  if (audience.ends_with('/')) audience.remove_suffix(1);
  return is_local_authority(audience);
}

Outcome<void> check_token(const TokenReading& reading) {
  constexpr std::string_view kCode = "InvalidAuthenticationToken";
  auto refuse = [&](std::string message) { return Refusal{401, std::string(kCode), std::move(message)}; };
  switch (reading.fault) {
    case TokenFault::None:
      break;
    case TokenFault::Missing:
      return refuse("Access token is empty.");
    case TokenFault::Malformed:
      return refuse("CompactToken parsing failed with error code: 80049217");
    case TokenFault::Forged:
      return refuse("Signing key is invalid.");
    case TokenFault::TooEarly:
      return refuse("Lifetime validation failed, the token is not yet valid.");
    case TokenFault::Expired:
      return refuse("Lifetime validation failed, the token is expired.");
  }
  if (!is_our_audience(reading.caller.audience)) return refuse("Access token validation failure. Invalid audience.");
  return success();
}

// Graph's own form: innerError carries the ids, details the finer code.
http::Response render_graph(const Refusal& refusal, Seconds now, const std::string& request_id) {
  json::object error{{"code", refusal.code}, {"message", refusal.message}};
  if (!refusal.inner_code.empty()) {
    error["details"] =
        json::array{json::object{{"code", refusal.inner_code}, {"message", refusal.message}, {"target", "appId"}}};
  }
  auto time = graph_time(now);
  time.pop_back();
  error["innerError"] = json::object{{"date", time}, {"request-id", request_id}, {"client-request-id", request_id}};
  return json_response(refusal.status, json::object{{"error", std::move(error)}});
}

// True where the request wants service principals: "types" may restrict what the ids are of.
Outcome<bool> wants_service_principals(const json::object& body) {
  const auto* types = body.if_contains("types");
  if (types == nullptr || types->is_null()) return true;
  if (!types->is_array()) return graph::bad_request("The property 'types' must be a list of texts.");
  if (types->get_array().empty()) return true;
  bool wanted = false;
  for (const auto& type : types->get_array()) {
    if (!type.is_string()) return graph::bad_request("The property 'types' must be a list of texts.");
    std::string_view name = type.get_string();
    wanted = wanted || same(name, "servicePrincipal") || same(name, "directoryObject");
  }
  return wanted;
}

// This directory knows only service principals, that is, applications that sign in as themselves.
Outcome<http::Response> get_by_ids(const graph::Call& call) {
  constexpr std::size_t kMostIds = 1000;
  LATCHKEY_TRYV(call.require_reader());
  LATCHKEY_TRY(auto body, graph::read_body(call.request));
  const auto* ids = body.if_contains("ids");
  if (ids == nullptr || !ids->is_array()) return graph::bad_request("The property 'ids' is required.");
  if (ids->get_array().size() > kMostIds) {
    return graph::bad_request(fmt::format("The property 'ids' has more than {} ids.", kMostIds));
  }
  LATCHKEY_TRY(bool wanted, wants_service_principals(body));
  json::array items;
  for (const auto& id : ids->get_array()) {
    if (!id.is_string()) return graph::bad_request("The property 'ids' must be a list of texts.");
    auto found = call.model->service_principals.find(lower(std::string_view(id.get_string())));
    bool is_here = found != call.model->service_principals.end() && found->second.tenant_id == call.caller.tenant_id;
    if (!wanted || !is_here) continue;
    auto shown = graph::show_service_principal(*call.model, found->second);
    shown["@odata.type"] = "#microsoft.graph.servicePrincipal";
    items.push_back(std::move(shown));
  }
  return json_response(200, graph::wrap_list(call.request, "directoryObjects", std::move(items)));
}

Outcome<http::Response> list_organization(const graph::Call& call) {
  static constexpr std::array<odata::Field, 3> kSchema = {{{"id", odata::FieldType::Text, odata::kEq},
                                                           {"displayName", odata::FieldType::Text, odata::kEq},
                                                           {"verifiedDomains", odata::FieldType::Other, 0}}};
  const auto& tenant = call.model->tenants.at(call.caller.tenant_id);
  json::array items{
      json::object{{"id", tenant.id},
                   {"displayName", tenant.display_name},
                   {"verifiedDomains", json::array{json::object{{"name", tenant.domain}, {"isDefault", true}}}}}};
  return graph::list_response(call, {"organization", "organization", kSchema}, std::move(items));
}

Refusal denied() {
  return {403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."};
}

}  // namespace

bool graph::Call::is(std::initializer_list<std::string_view> pattern) const {
  return std::equal(path.begin(), path.end(), pattern.begin(), pattern.end(),
                    [](const std::string& segment, std::string_view wanted) {
                      return wanted == "*" ? !segment.empty() : same(segment, wanted);
                    });
}

Outcome<void> graph::Call::require_reader() const {
  auto found = model->service_principals.find(caller.object_id);
  if (found == model->service_principals.end()) return denied();
  const auto& roles = found->second.directory_roles;
  if (std::find(roles.begin(), roles.end(), "Directory Readers") != roles.end()) return success();
  return require_administrator();
}

Outcome<void> graph::Call::require_administrator() const {
  auto found = model->service_principals.find(caller.object_id);
  if (found == model->service_principals.end()) return denied();
  for (const auto& role : found->second.directory_roles) {
    if (std::find(kAdministrators.begin(), kAdministrators.end(), role) != kAdministrators.end()) return success();
  }
  return denied();
}

Refusal graph::not_found(std::string_view id) {
  return {404, "Request_ResourceNotFound",
          fmt::format("Resource '{}' does not exist or one of its queried reference-property objects are not present.",
                      json_fields::clean_text(id))};
}

Refusal graph::bad_request(std::string message) {
  return {400, "Request_BadRequest", std::move(message)};
}

Outcome<json::object> graph::read_body(const http::Request& request) {
  auto body = json_fields::parse_object(request.body);
  if (!body) return Refusal{400, "BadRequest", "Unable to read JSON request payload. " + body.error().message()};
  return std::move(body.value());
}

std::string graph::text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string graph::app_id_in(std::string_view segment, std::string_view collection) {
  constexpr std::string_view kOpen = "(appid='";
  constexpr std::string_view kClose = "')";
  if (!begins_with(segment, collection)) return {};
  segment.remove_prefix(collection.size());
  if (!begins_with(segment, kOpen) || !segment.ends_with(kClose)) return {};
  return lower(segment.substr(kOpen.size(), segment.size() - kOpen.size() - kClose.size()));
}

http::Response Graph::handle(const http::Request& request) {
  auto id = json_fields::clean_text(request.headers.get("client-request-id"));
  if (id.empty()) id = new_guid(cloud_.random);
  auto outcome = respond(request);
  auto response = outcome ? std::move(outcome.value()) : render_graph(outcome.error(), unix_seconds(cloud_.clock), id);
  if (response.status == 401) {
    response.headers.set("www-authenticate",
                         "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/"
                         "authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"");
  }
  response.headers.set("cache-control", "no-cache");
  response.headers.set("request-id", new_guid(cloud_.random));
  response.headers.set("client-request-id", id);
  response.headers.set("odata-version", "4.0");
  response.headers.set("strict-transport-security", "max-age=31536000");
  return response;
}

Outcome<http::Response> Graph::respond(const http::Request& request) {
  auto path = split_names(request.path);
  if (!path) return graph::bad_request(path.error().message());
  graph::Call call{cloud_, request, cloud_.state.read(), {}, std::move(path.value()), unix_seconds(cloud_.clock)};
  if (!call.path.empty()) call.path.erase(call.path.begin());
  auto reading = read_bearer(*call.model, request, call.now);
  LATCHKEY_TRYV(check_token(reading));
  call.caller = reading.caller;
  if (call.is({"directoryObjects", "getByIds"}) && call.method() == "POST") return get_by_ids(call);
  if (call.is({"organization"}) && call.method() == "GET") return list_organization(call);
  if (auto outcome = graph::handle_service_principals(call)) return std::move(*outcome);
  if (auto outcome = graph::handle_applications(call)) return std::move(*outcome);
  return Refusal{400, "BadRequest",
                 fmt::format("Resource not found for the segment '{}'.",
                             call.path.empty() ? "" : json_fields::clean_text(call.path[0]))};
}

}  // namespace latchkey::clouds::azure::emulator
