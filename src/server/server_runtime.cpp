#include "server/server_runtime.hpp"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/thread_pool.hpp>

#include "admin/compartments.hpp"
#include "admin/data_keys.hpp"
#include "admin/external_keys.hpp"
#include "admin/integrity_alarms.hpp"
#include "admin/owners_terms.hpp"
#include "admin/rewraps.hpp"
#include "admin/suspensions.hpp"
#include "admin/usage_recorder.hpp"
#include "api/api_service.hpp"
#include "api/health_service.hpp"
#include "audit/activity_log.hpp"
#include "base/background_task.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "crypto/secret.hpp"
#include "health/health_monitor.hpp"
#include "http/client.hpp"
#include "http/server.hpp"
#include "keyring/keyring.hpp"
#include "keyring/notice_follower.hpp"
#include "keyring/rewrap.hpp"
#include "kms/limited_key_provider.hpp"
#include "kms/local/local_key_provider.hpp"
#include "kms/observed_key_provider.hpp"
#include "metrics/server_metrics.hpp"
#include "server/clouds.hpp"
#include "server/credentials.hpp"
#include "server/descriptor_limit.hpp"
#include "server/open_store.hpp"
#include "server/outbound_clients.hpp"
#include "server/part_settings.hpp"
#include "webhooks/deliverer.hpp"
#include "webhooks/endpoints.hpp"

namespace latchkey::server {

namespace {

constexpr unsigned kSigningThreads = 2;
constexpr std::chrono::seconds kStopGrace{10};
// The health listener's, which goes first so that whoever balances load sends nothing more.
constexpr std::chrono::seconds kHealthStopGrace{1};
// The health listener's connections, of which a quarter is kept for known addresses: there, for nobody.
constexpr std::size_t kHealthConnections = 64;
constexpr std::size_t kHealthConnectionsOfAddress = 8;
constexpr std::chrono::seconds kHealthHeadTimeout{2};
constexpr std::chrono::milliseconds kFirstAttention{50};
constexpr std::chrono::milliseconds kFollowPeriod{500};
constexpr std::chrono::milliseconds kAlarmPeriod{1'000};
constexpr std::chrono::minutes kPurgePeriod{1};
// Where somebody was in the way of a search.
constexpr std::chrono::seconds kPurgeRetry{15};
constexpr std::chrono::minutes kForgetPeriod{60};
constexpr std::chrono::milliseconds kForgetStep{200};
constexpr std::chrono::minutes kUsagePeriod{1};
// What a crash loses of the counts by which data keys are replaced (docs/data-keys.md).
constexpr std::chrono::minutes kUsePeriod{5};

Task<void> record_usage(admin::UsageRecorder& recorder) {
  auto recorded = co_await recorder.record();
  if (!recorded) spdlog::error("what data keys were used for could not be recorded: {}", describe(recorded.error()));
}

// What a crash kept from being searched for. Gives when to try again.
Task<std::chrono::milliseconds> purge_what_is_left(store::Store& store) {
  auto purged = co_await store.purge();
  if (!purged) spdlog::warn("what destroyed data keys were is still being searched for: {}", describe(purged.error()));
  if (!purged) co_return kPurgeRetry;
  co_return kPurgePeriod;
}

// Gives when to go on.
Task<std::chrono::milliseconds> forget_activities(audit::ActivityFeed& feed, Timestamp before) {
  auto more = co_await feed.forget(before);
  if (!more) spdlog::warn("old activities are not erased yet: {}", describe(more.error()));
  if (more && more.value()) co_return kForgetStep;
  co_return kForgetPeriod;
}

Task<void> record_alarms(admin::IntegrityAlarms& alarms, store::Store& store) {
  auto recorded = co_await alarms.record(store);
  if (!recorded) spdlog::error("the alarms of rows are not in the activity feed yet: {}", describe(recorded.error()));
}

Task<void> write_use(keyring::Keyring& keyring) {
  auto written = co_await keyring.write_use();
  if (!written) spdlog::warn("the use of data keys could not be written and is kept: {}", describe(written.error()));
}

Task<void> follow_other_nodes(keyring::NoticeFollower& follower) {
  auto followed = co_await follower.follow();
  if (!followed) spdlog::error("what other nodes found was not followed yet: {}", describe(followed.error()));
}

Task<void> go_on_rewrapping(keyring::Rewrapper& rewrapper) {
  auto begun = co_await rewrapper.begin_all();
  if (!begun) spdlog::error("rewraps that were under way do not go on: {}", describe(begun.error()));
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

// In the order of the floors; destroyed from the top down.
struct ServerRuntime::Parts {
  boost::asio::thread_pool signing_pool{kSigningThreads};
  std::unique_ptr<admin::IntegrityAlarms> integrity_alarms;  // the store raises them
  std::unique_ptr<store::Store> store;
  std::unique_ptr<http::Client> client;
  std::unique_ptr<metrics::ServerMetrics> metrics;
  std::unique_ptr<kms::Providers> clouds;
  std::unique_ptr<kms::ObservedKeyProvider> observed;
  std::unique_ptr<kms::LimitedKeyProvider> providers;
  std::unique_ptr<kms::LimitedKeyProvider> renewals;
  std::unique_ptr<kms::LimitedKeyProvider> validations;
  std::unique_ptr<kms::LimitedKeyProvider> background;
  std::unique_ptr<health::HealthMonitor> health;
  std::unique_ptr<keyring::Keyring> keyring;
  std::unique_ptr<keyring::NoticeFollower> follower;
  std::unique_ptr<keyring::Rewrapper> rewrapper;
  std::unique_ptr<keyring::UsageMeter> usage;
  std::unique_ptr<admin::UsageRecorder> usage_recorder;
  std::unique_ptr<admin::Credentials> credentials;
  std::unique_ptr<admin::ExternalKeys> external_keys;
  std::unique_ptr<admin::Workspaces> workspaces;
  std::unique_ptr<audit::ActivityFeed> activity;
  std::unique_ptr<admin::Compartments> compartments;
  std::unique_ptr<admin::LeasePolicies> lease_policies;
  std::unique_ptr<admin::Suspensions> suspensions;
  std::unique_ptr<admin::DataKeys> data_keys;
  std::unique_ptr<admin::Rewraps> rewraps;
  std::unique_ptr<http::Client> webhook_client;
  std::unique_ptr<webhooks::SecretKeeper> webhook_secrets;
  std::unique_ptr<webhooks::Endpoints> webhook_endpoints;
  std::unique_ptr<webhooks::Deliverer> webhook_deliverer;
  std::unique_ptr<api::ApiService> api;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<api::HealthService> health_service;
  std::unique_ptr<http::Server> health_server;  // null where there is none
  std::vector<std::shared_ptr<BackgroundTask>> background_tasks;

  void start_background_tasks(const ServerConfig& config, const boost::asio::any_io_executor& executor,
                              const Clock& clock);
};

ServerRuntime::ServerRuntime(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ServerRuntime::~ServerRuntime() = default;

Result<std::unique_ptr<ServerRuntime>> ServerRuntime::start(const ServerConfig& config,
                                                            const boost::asio::any_io_executor& executor,
                                                            const Clock& clock, RandomSource& random) {
  auto parts = std::make_unique<Parts>();
  parts->integrity_alarms = std::make_unique<admin::IntegrityAlarms>(clock, random);
  auto raise = [alarms = parts->integrity_alarms.get()](const store::IntegrityAlarm& alarm) { alarms->raise(alarm); };
  LATCHKEY_TRY(auto opened, open_store(config, random, std::move(raise)));
  parts->store = std::move(opened.store);

  LATCHKEY_TRY(parts->client, outbound_client(config));

  LATCHKEY_TRY(auto local, kms::make_local_key_provider(std::move(opened.root_keys), config.root_key_file, random));
  auto most_soft = std::max(config.most_soft, config.lease_soft);
  LATCHKEY_TRY(auto clouds, make_clouds(config, {.client = *parts->client,
                                                 .clock = clock,
                                                 .random = random,
                                                 .pool = parts->signing_pool,
                                                 .executor = executor,
                                                 .read_terms = admin::read_terms_from(*parts->store, most_soft)}));
  parts->clouds = std::make_unique<kms::Providers>(std::move(local), std::move(clouds), kTypesOfTheContract);
  parts->metrics =
      std::make_unique<metrics::ServerMetrics>(metrics::MetricsSettings{.per_data_key = config.metrics_per_data_key});
  parts->observed = std::make_unique<kms::ObservedKeyProvider>(*parts->clouds, *parts->metrics, clock);
  auto limiter = kms::VaultLimiter::create(clock, executor, kms::make_timer_sleeper(), vault_limits(config));
  auto gated = [&](kms::CallKind kind) {
    return std::make_unique<kms::LimitedKeyProvider>(*parts->observed, limiter, kind, config.kms_timeout);
  };
  parts->providers = gated(kms::CallKind::Request);
  parts->renewals = gated(kms::CallKind::Renewal);
  parts->validations = gated(kms::CallKind::Validation);
  parts->background = gated(kms::CallKind::Background);
  // The keyring tells the monitor what it meets, and the monitor has it forget what is over.
  health::ForgetKey forget = [keyring = &parts->keyring](const std::string& key) { (*keyring)->evict(key); };
  parts->health = std::make_unique<health::HealthMonitor>(*parts->store, *parts->background, *parts->clouds, clock,
                                                          random, executor, monitor_settings(config), forget);
  auto key_settings = keyring_settings(config);
  key_settings.record_replacement = [&clock, &random](store::Transaction& tx,
                                                      const keyring::DataKeyReplaced& replaced) {
    return admin::record_replacement(tx, clock, random, replaced);
  };
  key_settings.access_check = admin::refuse_if_suspended;
  key_settings.renewals = parts->renewals.get();
  parts->keyring = std::make_unique<keyring::Keyring>(*parts->store, *parts->providers, clock, random, executor,
                                                      std::move(key_settings), parts->health.get());
  parts->follower = std::make_unique<keyring::NoticeFollower>(*parts->store, *parts->keyring, clock);
  parts->rewrapper = std::make_unique<keyring::Rewrapper>(*parts->store, *parts->background, clock, executor,
                                                          kms::make_timer_sleeper(), rewrap_settings(config),
                                                          admin::rewrap_hooks(*parts->clouds, clock, random));

  parts->usage = std::make_unique<keyring::UsageMeter>(clock);
  parts->usage_recorder = std::make_unique<admin::UsageRecorder>(*parts->store, *parts->usage, clock, random);

  auto rules = admin_settings(config);
  parts->credentials = std::make_unique<admin::Credentials>(*parts->store, clock, random, config.most_api_keys);
  parts->external_keys = std::make_unique<admin::ExternalKeys>(*parts->store, *parts->validations, *parts->clouds,
                                                               clock, random, rules, parts->health.get());
  parts->workspaces =
      std::make_unique<admin::Workspaces>(*parts->store, *parts->validations, *parts->clouds, clock, random, rules);
  parts->activity = std::make_unique<audit::ActivityFeed>(*parts->store);
  parts->compartments = std::make_unique<admin::Compartments>(*parts->store, *parts->clouds, most_soft);
  parts->lease_policies = std::make_unique<admin::LeasePolicies>(
      *parts->store, clock, random, keyring::LeaseAges{config.lease_soft, config.lease_hard}, config.most_soft);
  parts->suspensions = std::make_unique<admin::Suspensions>(*parts->store, clock, random, *parts->health, forget);

  parts->data_keys = std::make_unique<admin::DataKeys>(*parts->store, *parts->keyring, clock, random);
  parts->rewraps = std::make_unique<admin::Rewraps>(*parts->store, *parts->validations, *parts->clouds,
                                                    *parts->rewrapper, clock, random);

  LATCHKEY_TRY(parts->webhook_client, webhook_client(config));
  parts->webhook_secrets = std::make_unique<webhooks::SecretKeeper>(*parts->clouds, clock, random);
  parts->webhook_endpoints =
      std::make_unique<webhooks::Endpoints>(*parts->store, *parts->webhook_secrets, clock, random,
                                            webhooks::TargetRules{.allow_private = config.webhook_private_addresses});
  webhooks::DelivererSettings deliveries;
  deliveries.tests_per_minute = config.webhook_tests_per_minute;
  parts->webhook_deliverer = std::make_unique<webhooks::Deliverer>(
      *parts->store, *parts->webhook_client, *parts->webhook_secrets, clock, random, executor, deliveries);

  parts->metrics->set_sources(
      {.leases = [keyring = parts->keyring.get()] { return keyring->size(); },
       .unlocked_bytes = [] { return crypto::unlocked_secret_memory(); },
       .limiter = [limiter] { return limiter->load(); },
       .usage = [usage = parts->usage.get()] { return usage->totals(); },
       .refused_rows = [alarms = parts->integrity_alarms.get()] { return alarms->counts(); },
       .webhook_attempts = [sender = parts->webhook_deliverer.get()] { return sender->counts(); }});
  LATCHKEY_TRY(auto metrics_token, metrics_token_of(config));

  parts->api = std::make_unique<api::ApiService>(api::ApiParts{*parts->store,
                                                               *parts->credentials,
                                                               *parts->external_keys,
                                                               *parts->workspaces,
                                                               *parts->activity,
                                                               *parts->compartments,
                                                               *parts->lease_policies,
                                                               *parts->keyring,
                                                               *parts->usage_recorder,
                                                               *parts->data_keys,
                                                               *parts->rewraps,
                                                               clock,
                                                               random,
                                                               *parts->clouds,
                                                               *parts->health,
                                                               *parts->suspensions,
                                                               *parts->webhook_endpoints,
                                                               *parts->webhook_deliverer,
                                                               *parts->metrics,
                                                               std::move(metrics_token)},
                                                 api_limits(config));

  http::ServerOptions server_options;
  server_options.address = config.address;
  server_options.port = config.port;
  LATCHKEY_TRY(server_options.max_connections, connections_that_fit(config.max_connections));
  server_options.max_connections_per_address = config.max_connections_per_address;
  server_options.behind_proxy = config.behind_tls_proxy;
  server_options.max_body_bytes_held = config.max_body_bytes_held;
  LATCHKEY_TRY(server_options.tls, server_tls(config));
  LATCHKEY_TRY(parts->server, http::Server::start(executor, std::move(server_options), *parts->api));
  if (!config.health_address.empty()) {
    parts->health_service = std::make_unique<api::HealthService>(*parts->api, random);
    LATCHKEY_TRY(auto options, health_options(config));
    LATCHKEY_TRY(parts->health_server, http::Server::start(executor, std::move(options), *parts->health_service));
    SPDLOG_INFO("/healthz and /readyz are answered at {}, port {}, too", config.health_address,
                parts->health_server->port());
  }
  parts->start_background_tasks(config, executor, clock);
  return std::unique_ptr<ServerRuntime>(new ServerRuntime(std::move(parts)));
}

void ServerRuntime::Parts::start_background_tasks(const ServerConfig& config,
                                                  const boost::asio::any_io_executor& executor, const Clock& clock) {
  auto begin = [&](std::chrono::milliseconds wait, BackgroundTask::Work work) {
    background_tasks.push_back(BackgroundTask::start(executor, wait, std::move(work)));
  };
  begin(kFirstAttention,
        [keyring = keyring.get()]() -> Task<std::chrono::milliseconds> { co_return keyring->attend(); });
  begin(kUsagePeriod, [recorder = usage_recorder.get()]() -> Task<std::chrono::milliseconds> {
    co_await record_usage(*recorder);
    co_return kUsagePeriod;
  });
  begin(std::chrono::milliseconds(0), [follower = follower.get()]() -> Task<std::chrono::milliseconds> {
    co_await follow_other_nodes(*follower);
    co_return kFollowPeriod;
  });
  begin(kAlarmPeriod, [alarms = integrity_alarms.get(), store = store.get()]() -> Task<std::chrono::milliseconds> {
    co_await record_alarms(*alarms, *store);
    co_return kAlarmPeriod;
  });
  begin(kFirstAttention, [store = store.get()] { return purge_what_is_left(*store); });
  begin(kFirstAttention, [feed = activity.get(), &clock, retention = config.activity_retention] {
    return forget_activities(*feed, clock.now() - retention);
  });
  health->start();
  begin(kFirstAttention, [deliverer = webhook_deliverer.get()] { return deliverer->run_once(); });
  begin(kUsePeriod, [keyring = keyring.get()]() -> Task<std::chrono::milliseconds> {
    co_await write_use(*keyring);
    co_return kUsePeriod;
  });
  boost::asio::co_spawn(executor, go_on_rewrapping(*rewrapper), boost::asio::detached);
}

std::uint16_t ServerRuntime::port() const {
  return parts_->server->port();
}
admin::Credentials& ServerRuntime::credentials() {
  return *parts_->credentials;
}
admin::Workspaces& ServerRuntime::workspaces() {
  return *parts_->workspaces;
}
Task<void> ServerRuntime::stop() {
  // First, for requests and a background task wait for it.
  parts_->store->stop_purging();
  parts_->health->stop();
  parts_->webhook_deliverer->stop();
  parts_->rewrapper->stop();
  if (parts_->health_server) co_await parts_->health_server->stop(kHealthStopGrace);
  co_await parts_->server->stop(kStopGrace);
  for (const auto& task : parts_->background_tasks) co_await BackgroundTask::stop(task);
  co_await record_usage(*parts_->usage_recorder);
  co_await write_use(*parts_->keyring);
}

}  // namespace latchkey::server
