#include "api/endpoint.hpp"
#include "api/respond.hpp"

namespace latchkey::api {

namespace {

Task<Result<http::Response>> get_organization(const ApiParts& parts, Call call) {
  LATCHKEY_CO_TRY(auto organization, co_await parts.credentials.get_organization(call.caller.organization));
  boost::json::object body{{"id", format_uuid(organization.id)}, {"type", "organization"}, {"name", organization.name}};
  co_return json_response(body);
}

}  // namespace

std::vector<Endpoint> organization_endpoints(const ApiParts& parts, const ApiLimits& limits) {
  return {{"GET", "/v1/organizations/me", Access::Admin,
           [&parts](Call call) { return get_organization(parts, std::move(call)); }, limits.json_body}};
}

}  // namespace latchkey::api
