#include "api/endpoint.hpp"
#include "api/readiness.hpp"
#include "api/respond.hpp"

namespace latchkey::api {

namespace {

Task<Result<http::Response>> alive(const ApiParts&, Call) {
  co_return json_response({{"status", "ok"}});
}

// Ready is: the store answers. The customers' keys are their own matter.
Task<Result<http::Response>> ready(std::shared_ptr<Readiness> readiness) {
  LATCHKEY_CO_TRYV(co_await readiness->check());
  co_return json_response({{"status", "ready"}});
}

Task<Result<http::Response>> show_metrics(const ApiParts& parts, Call) {
  auto page = co_await parts.metrics.render(parts.store);
  http::Response response;
  response.headers.add("content-type", std::string(metrics::kMediaType));
  response.body = std::move(page);
  co_return response;
}

}  // namespace

// None takes a body: two of them ask nobody who he is.
std::vector<Endpoint> health_endpoints(const ApiParts& parts, const ApiLimits& /*limits*/) {
  auto readiness = Readiness::create(parts.store, parts.clock);
  std::vector<Endpoint> endpoints{
      {"GET", "/healthz", Access::Public, [&parts](Call call) { return alive(parts, std::move(call)); }},
      {"GET", "/readyz", Access::Public, [readiness](const Call&) { return ready(readiness); }},
      {"GET", "/metrics", Access::Metrics, [&parts](Call call) { return show_metrics(parts, std::move(call)); }}};
  for (auto& endpoint : endpoints) endpoint.is_vital = endpoint.access == Access::Public;
  return endpoints;
}

}  // namespace latchkey::api
