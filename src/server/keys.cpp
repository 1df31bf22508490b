#include "server/keys.hpp"

#include <algorithm>

#include "admin/data_keys.hpp"
#include "admin/owners_terms.hpp"
#include "admin/rewraps.hpp"
#include "admin/suspensions.hpp"
#include "kms/local/local_key_provider.hpp"
#include "server/outbound_clients.hpp"
#include "server/part_settings.hpp"

namespace latchkey::server {

namespace {

Result<void> make_providers(const ServerTools& tools, Storage& storage, Keys& keys) {
  LATCHKEY_TRY(keys.client, outbound_client(tools.config));
  LATCHKEY_TRY(auto local,
               kms::make_local_key_provider(std::move(storage.root_keys), tools.config.root_key_file, tools.random));
  CloudParts parts{.client = *keys.client,
                   .clock = tools.clock,
                   .random = tools.random,
                   .pool = keys.signing_pool,
                   .executor = tools.executor,
                   .read_terms = admin::read_terms_from(*storage.store, longest_soft_age(tools.config))};
  LATCHKEY_TRY(auto providers, make_clouds(tools.config, parts));
  keys.clouds = std::make_unique<kms::Providers>(std::move(local), std::move(providers), kTypesOfTheContract);
  return success();
}

void limit_calls(const ServerTools& tools, metrics::ServerMetrics& metrics, Keys& keys) {
  keys.observed = std::make_unique<kms::ObservedKeyProvider>(*keys.clouds, metrics, tools.clock);
  keys.limiter =
      kms::VaultLimiter::create(tools.clock, tools.executor, kms::make_timer_sleeper(), vault_limits(tools.config));
  auto limited = [&](kms::CallKind kind) {
    return std::make_unique<kms::LimitedKeyProvider>(*keys.observed, keys.limiter, kind, tools.config.kms_timeout);
  };
  keys.requests = limited(kms::CallKind::Request);
  keys.renewals = limited(kms::CallKind::Renewal);
  keys.validations = limited(kms::CallKind::Validation);
  keys.background = limited(kms::CallKind::Background);
}

void make_keyring(const ServerTools& tools, store::Store& store, Keys& keys) {
  auto settings = keyring_settings(tools.config);
  settings.record_replacement = [&clock = tools.clock, &random = tools.random](
                                    store::Transaction& tx, const keyring::DataKeyReplaced& replaced) {
    return admin::record_replacement(tx, clock, random, replaced);
  };
  settings.access_check = admin::refuse_if_suspended;
  settings.renewals = keys.renewals.get();
  keys.usage = std::make_unique<keyring::UsageMeter>(tools.clock);
  keys.usage_recorder = std::make_unique<data::UsageRecorder>(store, *keys.usage, tools.clock, tools.random);
  settings.usage = keys.usage.get();
  keys.keyring = std::make_unique<keyring::Keyring>(store, *keys.requests, tools.clock, tools.random, tools.executor,
                                                    std::move(settings), keys.health.get());
  keys.follower = std::make_unique<keyring::NoticeFollower>(store, *keys.keyring, tools.clock);
  keys.rewrapper = std::make_unique<keyring::Rewrapper>(store, *keys.background, tools.clock, tools.executor,
                                                        kms::make_timer_sleeper(), rewrap_settings(tools.config),
                                                        admin::rewrap_hooks(*keys.clouds, tools.clock, tools.random));
}

}  // namespace

health::ForgetKey Keys::forget_key() {
  return [this](const std::string& external_key_id) { keyring->evict(external_key_id); };
}

std::chrono::milliseconds longest_soft_age(const ServerConfig& config) {
  return std::max(config.most_soft, config.lease_soft);
}

Result<std::unique_ptr<Keys>> make_keys(const ServerTools& tools, Storage& storage, metrics::ServerMetrics& metrics) {
  auto keys = std::make_unique<Keys>();
  LATCHKEY_TRYV(make_providers(tools, storage, *keys));
  limit_calls(tools, metrics, *keys);
  // The keyring tells the monitor what it meets, and the monitor has the keyring forget what is over.
  keys->health = std::make_unique<health::HealthMonitor>(*storage.store, *keys->background, *keys->clouds, tools.clock,
                                                         tools.random, tools.executor, monitor_settings(tools.config),
                                                         keys->forget_key());
  make_keyring(tools, *storage.store, *keys);
  return keys;
}

}  // namespace latchkey::server
