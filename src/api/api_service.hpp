// The HTTP face of the whole server: authentication, request ids, limits, and the routes to the handlers of the admin
// API, the data plane, the activity feed and health (handlers.hpp).
#pragma once

#include <memory>
#include <vector>

#include "admin/credentials.hpp"
#include "api/api_limits.hpp"
#include "api/endpoint.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/server.hpp"
#include "metrics/server_metrics.hpp"

namespace latchkey::api {

// All references outlive the service.
struct ServiceParts {
  admin::Credentials& credentials;
  data::Compartments& compartments;
  const Clock& clock;
  RandomSource& random;
  metrics::ServerMetrics& metrics;
  std::shared_ptr<const crypto::SecretBytes> metrics_token;  // null: nobody may read the metrics
};

class ApiService final : public http::Service {
 public:
  // `groups`: all endpoints, as the functions of handlers.hpp make them.
  ApiService(ServiceParts parts, std::vector<std::vector<Endpoint>> groups, ApiLimits limits);
  ApiService(const ApiService&) = delete;
  ApiService& operator=(const ApiService&) = delete;
  ~ApiService() override;
  [[nodiscard]] bool is_vital(const http::RequestHead& head) const override;
  // Finds the route and authenticates the caller.
  [[nodiscard]] Task<http::Admission> admit(const http::RequestHead& head) override;
  [[nodiscard]] Task<http::Response> handle(http::Request& request) override;
  [[nodiscard]] http::Response reject(http::Rejection why, const http::RequestHead* head) const override;
  // All endpoints, as long as the service lives.
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace latchkey::api
