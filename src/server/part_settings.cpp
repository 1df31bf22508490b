#include "server/part_settings.hpp"

#include <algorithm>

namespace latchkey::server {

namespace {

constexpr std::chrono::seconds kMostTurn{20};  // how long a call may wait for its turn at a busy vault

api::RateLimits rate_limits(const ServerConfig& config) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  api::RateLimits rates{.data = {{config.data_per_key, seconds(1)}, {config.data_per_organization, seconds(1)}},
                        .read = {{config.reads_per_key, minutes(1)}, {config.reads_per_organization, minutes(1)}},
                        .write = {{config.writes_per_key, minutes(1)}, {config.writes_per_organization, minutes(1)}},
                        .unknown_keys = {}};
  if (!config.behind_tls_proxy) rates.unknown_keys = api::Rate{config.unknown_keys_per_address, minutes(1)};
  return rates;
}

}  // namespace

admin::AdminSettings admin_settings(const ServerConfig& config) {
  admin::AdminSettings settings;
  settings.organization_binding = config.organization_binding;
  settings.binding_slug = config.binding_slug;
  settings.validations_per_minute = config.validations_per_minute;
  settings.max_external_keys = config.most_external_keys;
  settings.max_live_workspaces = config.most_live_workspaces;
  settings.max_workspaces = config.most_workspaces;
  return settings;
}

api::ApiLimits api_limits(const ServerConfig& config) {
  api::ApiLimits limits;
  limits.json_body = config.max_json_body;
  limits.raw_body = config.max_raw_body;
  limits.request_timeout = config.request_timeout;
  limits.leases_data_keys = config.lend_data_keys;
  limits.rates = rate_limits(config);
  return limits;
}

keyring::KeyringSettings keyring_settings(const ServerConfig& config) {
  keyring::KeyringSettings settings;
  settings.ages = {config.lease_soft, config.lease_hard};
  settings.longest_client_lease = config.most_loan;
  settings.kms_timeout = config.kms_timeout + kMostTurn;
  settings.data_keys = {config.data_key_max_age, config.data_key_max_records, config.data_key_max_bytes};
  return settings;
}

keyring::RewrapSettings rewrap_settings(const ServerConfig& config) {
  keyring::RewrapSettings settings;
  settings.calls_per_second = config.rewrap_calls_per_second;
  settings.kms_timeout = config.kms_timeout + kMostTurn;
  return settings;
}

kms::VaultLimits vault_limits(const ServerConfig& config) {
  kms::VaultLimits limits;
  limits.per_window = config.kms_calls_per_10s;
  // A request that waits for a renewal must outlast the renewal's wait for its turn, so that it gets the result.
  limits.renewal_turn = std::min(limits.renewal_turn, config.request_timeout / 2);
  return limits;
}

health::MonitorSettings monitor_settings(const ServerConfig& config) {
  health::MonitorSettings settings;
  settings.interval = config.health_interval;
  settings.retry = {config.health_retry, config.health_retry_longest};
  settings.rules.unreachable_after = config.health_unreachable_after;
  settings.rules.settle = config.health_settle;
  settings.timeout = config.kms_timeout;
  return settings;
}

}  // namespace latchkey::server
