#include "server/server_runtime.hpp"

#include "base/beside_serving.hpp"
#include "crypto/secret.hpp"
#include "metrics/server_metrics.hpp"
#include "server/background.hpp"
#include "server/keys.hpp"
#include "server/listeners.hpp"
#include "server/rules.hpp"
#include "server/storage.hpp"
#include "server/webhooks.hpp"

namespace latchkey::server {

namespace {

constexpr std::chrono::seconds kStopGrace{10};
// How long the health listener may take to stop. It stops first, so that a load balancer sends no more requests.
constexpr std::chrono::seconds kHealthStopGrace{1};

}  // namespace

// In the order of the floors; destroyed from the top down.
struct ServerRuntime::Parts {
  Storage storage;
  std::unique_ptr<metrics::ServerMetrics> metrics;
  std::unique_ptr<Keys> keys;
  Rules rules;
  Webhooks webhooks;
  Listeners listeners;
  std::vector<std::shared_ptr<BackgroundTask>> background_tasks;

  void connect_metrics();
};

ServerRuntime::ServerRuntime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ServerRuntime::~ServerRuntime() = default;

Result<std::unique_ptr<ServerRuntime>> ServerRuntime::start(const ServerConfig& config, IoThreads& threads,
                                                            const Clock& clock, RandomSource& random) {
  ServerTools tools{.config = config,
                    .threads = threads,
                    .executor = threads.first().get_executor(),
                    .clock = clock,
                    .random = random};
  BesideServing beside;
  auto parts = std::make_unique<Parts>();
  auto& [storage, metrics, keys, rules, webhooks, listeners, background_tasks] = *parts;
  LATCHKEY_TRY(storage, open_storage(tools));
  metrics =
      std::make_unique<metrics::ServerMetrics>(metrics::MetricsSettings{.per_data_key = config.metrics_per_data_key});
  LATCHKEY_TRY(keys, make_keys(tools, storage, *metrics));
  rules = make_rules(tools, *storage.store, *keys, *metrics);
  LATCHKEY_TRY(webhooks, make_webhooks(tools, *storage.store, *keys->clouds));
  parts->connect_metrics();
  LATCHKEY_TRY(
      listeners,
      start_listeners(tools,
                      {.storage = storage, .keys = *keys, .rules = rules, .webhooks = webhooks, .metrics = *metrics}));
  background_tasks = start_background_tasks(tools, storage, *keys, rules, webhooks);
  return std::unique_ptr<ServerRuntime>(new ServerRuntime(std::move(parts)));
}

void ServerRuntime::Parts::connect_metrics() {
  metrics->set_sources({.leases = [keyring = keys->keyring.get()] { return keyring->size(); },
                        .unlocked_bytes = [] { return crypto::unlocked_secret_memory(); },
                        .limiter = [limiter = keys->limiter] { return limiter->load(); },
                        .usage = [usage = keys->usage.get()] { return usage->totals(); },
                        .refused_rows = [alarms = storage.integrity_alarms.get()] { return alarms->counts(); },
                        .webhook_attempts = [sender = webhooks.deliverer.get()] { return sender->counts(); }});
}

std::uint16_t ServerRuntime::port() const {
  return parts_->listeners.server->port();
}
admin::Credentials& ServerRuntime::credentials() {
  return *parts_->rules.credentials;
}
admin::Workspaces& ServerRuntime::workspaces() {
  return *parts_->rules.workspaces;
}

void ServerRuntime::reload(const ServerConfig& config) {
  renew_certificate(parts_->listeners, config);
}

Task<void> ServerRuntime::stop() {
  auto& [storage, metrics, keys, rules, webhooks, listeners, background_tasks] = *parts_;
  // The search stops first, because requests and a background task wait for it.
  storage.store->stop_purging();
  keys->health->stop();
  webhooks.deliverer->stop();
  keys->rewrapper->stop();
  if (listeners.health_server) co_await listeners.health_server->stop(kHealthStopGrace);
  co_await listeners.server->stop(kStopGrace);
  for (const auto& task : background_tasks) co_await BackgroundTask::stop(task);
  co_await keys->usage_recorder->flush_all();
}

}  // namespace latchkey::server
