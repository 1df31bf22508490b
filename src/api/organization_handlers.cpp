#include <fmt/format.h>

#include "admin/credentials.hpp"
#include "admin/lease_policies.hpp"
#include "api/handlers.hpp"
#include "api/respond.hpp"
#include "base/json_fields.hpp"

namespace latchkey::api {

namespace {

Task<Result<http::Response>> get_organization(const OrganizationParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto organization, co_await parts.credentials.get_organization(call.caller.organization));
  boost::json::object body{{"id", format_uuid(organization.id)}, {"type", "organization"}, {"name", organization.name}};
  co_return json_response(body);
}

http::Response show(const admin::LeasePolicy& policy) {
  auto seconds = [](std::chrono::milliseconds time) {
    auto whole = std::chrono::floor<std::chrono::seconds>(time);
    return whole == time ? boost::json::value(whole.count())
                         : boost::json::value(static_cast<double>(time.count()) / 1000);
  };
  boost::json::object body{{"type", "lease_policy"},
                           {"soft_seconds", seconds(policy.ages.soft)},
                           {"hard_seconds", seconds(policy.ages.hard)},
                           {"inherited", policy.inherited}};
  return json_response(body);
}

Result<std::chrono::milliseconds> read_seconds(const boost::json::object& body, std::string_view name) {
  constexpr double kMost = 1e9;
  const auto* value = body.if_contains(name);
  if (value == nullptr) return Error{ErrorCode::Invalid, fmt::format("{}: Field required", name)};
  auto number = value->is_number() ? value->to_number<double>() : -1;
  if (!(number >= 0 && number <= kMost)) {
    return Error{ErrorCode::Invalid, fmt::format("{}: Input should be a number of seconds", name)};
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(number * 1000));
}

Task<Result<http::Response>> get_leases(const OrganizationParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto policy, co_await parts.lease_policies.get(call.caller));
  co_return show(policy);
}

Task<Result<http::Response>> set_leases(const OrganizationParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto body, json_fields::parse_object(call.request.body));
  LATCHKEY_CO_TRYV(json_fields::refuse_unknown(body, "", {"soft_seconds", "hard_seconds"}));
  keyring::LeaseAges ages;
  LATCHKEY_CO_TRY(ages.soft, read_seconds(body, "soft_seconds"));
  LATCHKEY_CO_TRY(ages.hard, read_seconds(body, "hard_seconds"));
  LATCHKEY_CO_TRY(auto policy, co_await parts.lease_policies.set(call.caller, ages));
  co_return show(policy);
}

Task<Result<http::Response>> reset_leases(const OrganizationParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto policy, co_await parts.lease_policies.reset(call.caller));
  co_return show(policy);
}

}  // namespace

std::vector<Endpoint> organization_endpoints(OrganizationParts parts, const ApiLimits& limits) {
  constexpr auto kOwn = "/v1/organizations/me";
  constexpr auto kLeases = "/v1/organizations/me/leases";
  auto on = with_parts(parts);
  return {{.method = "GET",
           .pattern = kOwn,
           .access = Access::Admin,
           .handler = on(get_organization),
           .body_limit = limits.json_body},
          {.method = "GET",
           .pattern = kLeases,
           .access = Access::Admin,
           .handler = on(get_leases),
           .body_limit = limits.json_body},
          {.method = "POST",
           .pattern = kLeases,
           .access = Access::Admin,
           .handler = on(set_leases),
           .body_limit = limits.json_body},
          {.method = "DELETE",
           .pattern = kLeases,
           .access = Access::Admin,
           .handler = on(reset_leases),
           .body_limit = limits.json_body}};
}

}  // namespace latchkey::api
