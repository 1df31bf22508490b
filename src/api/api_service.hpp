// The server's whole HTTP face: authentication, request ids, limits and routes to the handlers of admin, data plane,
// activity and health. Handlers parse, call one function of the floor below, render.
#pragma once

#include <memory>

#include "admin/credentials.hpp"
#include "admin/data_keys.hpp"
#include "admin/external_keys.hpp"
#include "admin/lease_policies.hpp"
#include "admin/rewraps.hpp"
#include "admin/suspensions.hpp"
#include "admin/workspaces.hpp"
#include "api/rate_limiter.hpp"
#include "audit/activity_log.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "data/data_plane.hpp"
#include "health/health_monitor.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "metrics/server_metrics.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"

namespace latchkey::api {

struct ApiLimits {
  std::size_t json_body = std::size_t{1024} * 1024;
  std::size_t raw_body = std::size_t{16} * 1024 * 1024;  // octet-stream encrypt and decrypt
  std::chrono::milliseconds request_timeout{25'000};
  bool lends_data_keys = true;
  RateLimits rates;
};

struct Endpoint;  // endpoint.hpp

// Everything the handlers call; all outlive the service.
struct ApiParts {
  store::Store& store;
  admin::Credentials& credentials;
  admin::ExternalKeys& external_keys;
  admin::Workspaces& workspaces;
  audit::ActivityFeed& activity;
  admin::LeasePolicies& lease_policies;
  data::DataPlane& data_plane;
  admin::DataKeys& data_keys;
  admin::Rewraps& rewraps;
  const Clock& clock;
  RandomSource& random;
  const kms::Providers& clouds;
  health::HealthMonitor& health;
  admin::Suspensions& suspensions;
  webhooks::Endpoints& webhook_endpoints;
  webhooks::Deliverer& webhook_deliverer;
  metrics::ServerMetrics& metrics;
  std::shared_ptr<const crypto::SecretBytes> metrics_token;  // null: nobody may read them
};

class ApiService final : public http::Service {
 public:
  ApiService(ApiParts parts, ApiLimits limits);
  ApiService(const ApiService&) = delete;
  ApiService& operator=(const ApiService&) = delete;
  ~ApiService() override;
  [[nodiscard]] bool is_vital(const http::RequestHead& head) const override;
  // Finds the route and authenticates the caller.
  [[nodiscard]] Task<http::Admission> admit(const http::RequestHead& head) override;
  [[nodiscard]] Task<http::Response> handle(http::Request request) override;
  [[nodiscard]] http::Response reject(http::Rejection why, const http::RequestHead* head) const override;
  // Every route there is, as long as the service lives.
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace latchkey::api
