// The HTTP face of the server: the API, and the listener for health where the settings have one.
#pragma once

#include <memory>

#include "api/api_service.hpp"
#include "api/health_service.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "metrics/server_metrics.hpp"
#include "server/keys.hpp"
#include "server/rules.hpp"
#include "server/storage.hpp"
#include "server/tools.hpp"
#include "server/webhooks.hpp"

namespace latchkey::server {

// Destroyed from the top down: a listener before the service that it calls.
struct Listeners {
  std::unique_ptr<api::ApiService> api;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<api::HealthService> health_service;
  std::unique_ptr<http::Server> health_server;  // null where the settings have none
};

// The pieces below that the API calls.
struct ServedParts {
  Storage& storage;
  Keys& keys;
  Rules& rules;
  Webhooks& webhooks;
  metrics::ServerMetrics& metrics;
};

// Reads the certificate's files again, for new connections; the log says what came of it. With files that cannot be
// read the old certificate stays.
void renew_certificate(const Listeners& listeners, const ServerConfig& config);

// Begins to serve. Errors name the setting or file that is wrong, or the address that is taken.
[[nodiscard]] Result<Listeners> start_listeners(const ServerTools& tools, const ServedParts& parts);

}  // namespace latchkey::server
