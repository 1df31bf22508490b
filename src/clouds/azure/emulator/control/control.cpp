#include "clouds/azure/emulator/control/control.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/control/audit_filter.hpp"
#include "clouds/azure/emulator/entra/conditional_access.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::string_view kPaths =
    "GET /_emulator/audit?vault=NAME; GET, POST and DELETE /_emulator/faults and /_emulator/conditional_access, DELETE "
    "of one by its ID; GET and POST /_emulator/clock and /_emulator/delays";
constexpr Seconds kFarthest = Seconds{100} * 366 * 86'400;

Refusal not_there() {
  return {404, "NotFound", fmt::format("There is nothing at this path with this method. There is: {}.", kPaths)};
}

Refusal bad(const Error& error) {
  return {400, "BadParameter", error.message()};
}

Outcome<json::object> read_body(const http::Request& request) {
  auto body = json_fields::parse_object(request.body);
  if (!body) return bad(body.error());
  return std::move(body.value());
}

// Absent where the field is missing.
Outcome<std::optional<Seconds>> whole(const json::object& body, std::string_view name, Seconds least, Seconds most) {
  const auto* value = body.if_contains(name);
  if (value == nullptr) return std::optional<Seconds>();
  if (value->is_int64() && value->get_int64() >= least && value->get_int64() <= most) {
    return std::optional<Seconds>(value->get_int64());
  }
  return Refusal{400, "BadParameter",
                 fmt::format("{}: Input should be a whole number from {} to {}", name, least, most)};
}

Outcome<std::optional<Timestamp>> read_now(const json::object& body) {
  const auto* now = body.if_contains("now");
  if (now == nullptr) return std::optional<Timestamp>();
  auto wanted = parse_timestamp(now->is_string() ? std::string_view(now->get_string()) : std::string_view());
  if (!wanted) return Refusal{400, "BadParameter", "now: Input should be an RFC 3339 time, 2027-01-31T00:00:00Z"};
  return std::optional<Timestamp>(wanted.value());
}

http::Response shown(unsigned status, const json::value& body) {
  auto response = json_response(status, body);
  response.headers.set("cache-control", "no-store");
  return response;
}

}  // namespace

http::Response Control::handle(const http::Request& request) {
  auto outcome = respond(request);
  return outcome ? std::move(outcome.value()) : render(outcome.error());
}

Outcome<http::Response> Control::respond(const http::Request& request) {
  auto path = split_names(request.path);
  if (!path || path.value().size() < 2 || path.value().size() > 3) return not_there();
  const auto& what = path.value()[1];
  bool is_one = path.value().size() == 3;
  if (what == "audit" && !is_one) return audit(request);
  if (!enabled_) {
    return Refusal{403, "Forbidden",
                   "Control is off. Start the emulator with --enable-control to move its clock or make "
                   "it fail."};
  }
  // A person whose browser trusts our CA does not want every web page to control the emulator.
  if (request.headers.has("origin")) {
    return Refusal{403, "Forbidden", "Web pages may not do this; call it from a program."};
  }
  if (what == "faults") return is_one ? remove_fault(request, path.value()[2]) : faults(request);
  if (what == "conditional_access") return conditional_access(request, is_one ? path.value()[2] : std::string());
  if (what == "clock" && !is_one) return clock(request);
  if (what == "delays" && !is_one) return delays(request);
  return not_there();
}

Outcome<http::Response> Control::audit(const http::Request& request) const {
  if (request.method != "GET") return not_there();
  auto vault = http::query_parameter(request, "vault").value_or("");
  if (!is_vault_name(vault)) return Refusal{400, "BadParameter", "Name the vault: /_emulator/audit?vault=NAME."};
  auto filter = audit_filter_from_query(request.query);
  if (!filter) return bad(filter.error());
  auto lines = cloud_.audit.read(vault);
  if (!lines) return refuse_for(lines.error());
  http::Response response;
  response.headers.set("content-type", "application/x-ndjson");
  response.headers.set("cache-control", "no-store");
  response.body = filter_audit(lines.value(), filter.value());
  return response;
}

Outcome<http::Response> Control::faults(const http::Request& request) {
  if (request.method == "GET") {
    json::array list;
    for (const auto& fault : faults_.list()) list.push_back(to_json(fault));
    return shown(200, json::object{{"faults", std::move(list)}});
  }
  if (request.method == "DELETE") {
    faults_.clear();
    return empty_response(204);
  }
  if (request.method != "POST") return not_there();
  LATCHKEY_TRY(auto body, read_body(request));
  auto fault = fault_from_json(body);
  if (!fault) return bad(fault.error());
  auto added = faults_.add(std::move(fault.value()), cloud_.random);
  if (!added) return Refusal{409, "Conflict", added.error().message()};
  return shown(201, to_json(added.value()));
}

Outcome<http::Response> Control::remove_fault(const http::Request& request, const std::string& id) {
  if (request.method != "DELETE") return not_there();
  if (faults_.remove(id)) return empty_response(204);
  return Refusal{404, "NotFound", fmt::format("There is no fault {}.", json_fields::clean_text(id))};
}

Outcome<http::Response> Control::conditional_access(const http::Request& request, const std::string& id) {
  if (request.method == "DELETE") {
    LATCHKEY_TRYV(cloud_.state.change([&](Model& model) -> Outcome<bool> {
      auto removed = id.empty() ? model.conditional_access.size() : model.conditional_access.erase(lower(id));
      if (id.empty()) model.conditional_access.clear();
      if (id.empty() || removed > 0) return true;
      return Refusal{404, "NotFound", fmt::format("There is no policy {}.", json_fields::clean_text(id))};
    }));
    return empty_response(204);
  }
  if (!id.empty()) return not_there();
  if (request.method == "GET") {
    json::array list;
    for (const auto& [key, policy] : cloud_.state.read()->conditional_access) list.push_back(to_json(policy));
    return shown(200, json::object{{"policies", std::move(list)}});
  }
  if (request.method != "POST") return not_there();
  LATCHKEY_TRY(auto body, read_body(request));
  LATCHKEY_TRY(auto made, cloud_.state.change([&](Model& model) -> Outcome<json::object> {
    auto policy = policy_from_request(model, body);
    if (!policy) return bad(policy.error());
    policy.value().id = new_guid(cloud_.random);
    auto result = to_json(policy.value());
    model.conditional_access[policy.value().id] = std::move(policy.value());
    return result;
  }));
  return shown(201, made);
}

Outcome<http::Response> Control::clock(const http::Request& request) {
  if (request.method == "POST") {
    LATCHKEY_TRY(auto body, read_body(request));
    auto unknown = json_fields::refuse_unknown(body, "", {"advance_seconds", "now"});
    if (!unknown) return bad(unknown.error());
    LATCHKEY_TRY(auto advance, whole(body, "advance_seconds", -kFarthest, kFarthest));
    LATCHKEY_TRY(auto set, read_now(body));
    if (advance && set) return Refusal{400, "BadParameter", "Give one of advance_seconds and now, not both."};
    // Computed within the change, so that of two changes at the same time neither is lost.
    LATCHKEY_TRYV(cloud_.state.change([&](Model& model) -> Outcome<bool> {
      auto distance = model.clock_distance + advance.value_or(0);
      if (set) distance = std::chrono::floor<std::chrono::seconds>(*set - clock_.base_now()).count();
      if (distance < -kFarthest || distance > kFarthest) {
        return Refusal{400, "BadParameter", "The clock moves at most 100 years from the machine's."};
      }
      model.clock_distance = distance;
      return true;
    }));
    clock_.set_distance(cloud_.state.read()->clock_distance);
  } else if (request.method != "GET") {
    return not_there();
  }
  return shown(200, json::object{{"now", format_timestamp(clock_.now())}, {"distance_seconds", clock_.distance()}});
}

Outcome<http::Response> Control::delays(const http::Request& request) {
  auto& current = cloud_.delays;
  if (request.method == "POST") {
    LATCHKEY_TRY(auto body, read_body(request));
    auto unknown = json_fields::refuse_unknown(body, "", {"role_seconds", "network_seconds"});
    if (!unknown) return bad(unknown.error());
    LATCHKEY_TRY(auto roles, whole(body, "role_seconds", 0, kLongestDelay));
    LATCHKEY_TRY(auto network, whole(body, "network_seconds", 0, kLongestDelay));
    if (roles) current.roles = *roles;
    if (network) current.network = *network;
  } else if (request.method != "GET") {
    return not_there();
  }
  return shown(200, json::object{{"role_seconds", current.roles.load()}, {"network_seconds", current.network.load()}});
}

}  // namespace latchkey::clouds::azure::emulator
