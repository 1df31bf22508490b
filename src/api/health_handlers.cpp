#include "api/handlers.hpp"
#include "api/readiness.hpp"
#include "api/respond.hpp"
#include "metrics/server_metrics.hpp"
#include "store/store.hpp"

namespace latchkey::api {

namespace {

Task<Result<http::Response>> alive() {
  co_return json_response({{"status", "ok"}});
}

// The server is ready where the store responds. The state of the customers' keys is their own matter.
Task<Result<http::Response>> ready(std::shared_ptr<Readiness> readiness) {
  LATCHKEY_CO_TRYV(co_await readiness->check());
  co_return json_response({{"status", "ready"}});
}

Task<Result<http::Response>> show_metrics(const HealthParts& parts, Call) {
  auto page = co_await parts.metrics.render(parts.store);
  http::Response response;
  response.headers.add("content-type", std::string(metrics::kMediaType));
  response.body = std::move(page);
  co_return response;
}

}  // namespace

std::vector<Endpoint> health_endpoints(HealthParts parts) {
  auto readiness = Readiness::create(parts.store, parts.clock);
  auto on = with_parts(parts);
  return {{.method = "GET",
           .pattern = "/healthz",
           .access = Access::Public,
           .handler = [](const Call&) { return alive(); },
           .is_vital = true},
          {.method = "GET",
           .pattern = "/readyz",
           .access = Access::Public,
           .handler = [readiness](const Call&) { return ready(readiness); },
           .is_vital = true},
          {.method = "GET", .pattern = "/metrics", .access = Access::Metrics, .handler = on(show_metrics)}};
}

}  // namespace latchkey::api
