#include "server/listeners.hpp"

#include "api/handlers.hpp"
#include "base/log.hpp"
#include "server/credentials.hpp"
#include "server/descriptor_limit.hpp"
#include "server/part_settings.hpp"

namespace latchkey::server {

namespace {

// The listener keeps a quarter of the connections for known addresses, and the health listener knows none.
constexpr std::size_t kHealthConnections = 64;
constexpr std::size_t kHealthConnectionsOfAddress = 8;
constexpr std::chrono::seconds kHealthHeadTimeout{2};

std::vector<std::vector<api::Endpoint>> endpoints(const ServerTools& tools, const ServedParts& parts,
                                                  const api::ApiLimits& limits) {
  const auto& [storage, keys, rules, webhooks, metrics] = parts;
  return {
      api::external_key_endpoints({.external_keys = *rules.external_keys, .clouds = *keys.clouds}, limits),
      api::key_health_endpoints(
          {.external_keys = *rules.external_keys, .health = *keys.health, .suspensions = *rules.suspensions}, limits),
      api::workspace_endpoints(
          {.workspaces = *rules.workspaces, .lease_policies = *rules.lease_policies, .clock = tools.clock}, limits),
      api::data_key_endpoints({.data_keys = *rules.data_keys, .rewraps = *rules.rewraps}, limits),
      api::organization_endpoints({.credentials = *rules.credentials, .lease_policies = *rules.lease_policies}, limits),
      api::activity_endpoints({.activity = *rules.activity}, limits),
      api::webhook_endpoints({.endpoints = *webhooks.endpoints, .deliverer = *webhooks.deliverer}, limits),
      api::data_plane_endpoints({.data_plane = *rules.data_plane, .clock = tools.clock}, limits),
      api::health_endpoints({.store = *storage.store, .metrics = metrics, .clock = tools.clock})};
}

Result<std::unique_ptr<api::ApiService>> make_api(const ServerTools& tools, const ServedParts& parts) {
  LATCHKEY_TRY(auto metrics_token, metrics_token_of(tools.config));
  auto limits = api_limits(tools.config);
  return std::make_unique<api::ApiService>(api::ServiceParts{.credentials = *parts.rules.credentials,
                                                             .compartments = *parts.rules.compartments,
                                                             .clock = tools.clock,
                                                             .random = tools.random,
                                                             .metrics = parts.metrics,
                                                             .metrics_token = std::move(metrics_token)},
                                           endpoints(tools, parts, limits), limits);
}

Result<http::ServerOptions> api_options(const ServerConfig& config) {
  http::ServerOptions options;
  options.address = config.address;
  options.port = config.port;
  LATCHKEY_TRY(options.max_connections, connections_that_fit(config.max_connections));
  options.max_connections_per_address = config.max_connections_per_address;
  options.behind_proxy = config.behind_tls_proxy;
  options.max_body_bytes_held = config.max_body_bytes_held;
  LATCHKEY_TRY(options.tls, server_tls(config));
  return options;
}

Result<http::ServerOptions> health_options(const ServerConfig& config) {
  http::ServerOptions options;
  options.address = config.health_address;
  options.port = config.health_port;
  options.max_connections = kHealthConnections;
  options.max_connections_per_address = kHealthConnectionsOfAddress;
  options.max_visits = 0;
  options.head_timeout = kHealthHeadTimeout;
  LATCHKEY_TRY(options.tls, server_tls(config));
  return options;
}

}  // namespace

void renew_certificate(const Listeners& listeners, const ServerConfig& config) {
  if (config.tls_certificate_file.empty()) {
    SPDLOG_INFO("there is nothing to read again: the server serves without TLS");
    return;
  }
  // Read once, so that both listeners have the same certificate.
  auto renew = [&]() -> Result<void> {
    LATCHKEY_TRY(auto files, server_tls(config));
    LATCHKEY_TRYV(listeners.server->renew_certificate(*files));
    if (!listeners.health_server) return success();
    return listeners.health_server->renew_certificate(std::move(*files));
  };
  auto renewed = renew();
  if (renewed) {
    SPDLOG_INFO("new connections get the certificate of {}", config.tls_certificate_file);
  } else {
    SPDLOG_ERROR("the certificate stays as it was: {}. Mend the files and send SIGHUP again.",
                 describe(renewed.error()));
  }
}

Result<Listeners> start_listeners(const ServerTools& tools, const ServedParts& parts) {
  Listeners listeners;
  LATCHKEY_TRY(listeners.api, make_api(tools, parts));
  LATCHKEY_TRY(auto options, api_options(tools.config));
  LATCHKEY_TRY(listeners.server, http::Server::start(tools.threads, std::move(options), *listeners.api));
  if (!tools.config.health_address.empty()) {
    listeners.health_service = std::make_unique<api::HealthService>(*listeners.api, tools.random);
    LATCHKEY_TRY(auto of_health, health_options(tools.config));
    LATCHKEY_TRY(listeners.health_server,
                 http::Server::start(tools.executor, std::move(of_health), *listeners.health_service));
    SPDLOG_INFO("the server serves /healthz and /readyz at {}, port {}, too", tools.config.health_address,
                listeners.health_server->port());
  }
  return listeners;
}

}  // namespace latchkey::server
