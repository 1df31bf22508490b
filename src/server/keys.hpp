// How the server asks the customers' keys, and what it keeps of their responses: the clouds, the limits before them,
// the keyring, and the health of each key.
#pragma once

#include <memory>

#include <boost/asio/thread_pool.hpp>

#include "base/result.hpp"
#include "data/usage_recorder.hpp"
#include "health/health_monitor.hpp"
#include "http/client.hpp"
#include "keyring/keyring.hpp"
#include "keyring/notice_follower.hpp"
#include "keyring/rewrap.hpp"
#include "keyring/usage_meter.hpp"
#include "kms/limited_key_provider.hpp"
#include "kms/observed_key_provider.hpp"
#include "kms/providers.hpp"
#include "metrics/server_metrics.hpp"
#include "server/clouds.hpp"
#include "server/storage.hpp"
#include "server/tools.hpp"

namespace latchkey::server {

inline constexpr unsigned kSigningThreads = 2;

// In the order of the floors; destroyed from the top down. Its members refer to each other, so it is not moved.
struct Keys {
  boost::asio::thread_pool signing_pool{kSigningThreads};
  std::unique_ptr<http::Client> client;
  std::unique_ptr<kms::Providers> clouds;
  std::unique_ptr<kms::ObservedKeyProvider> observed;
  std::shared_ptr<kms::VaultLimiter> limiter;
  // The same clouds behind the same limits, for calls of different urgency.
  std::unique_ptr<kms::LimitedKeyProvider> requests;
  std::unique_ptr<kms::LimitedKeyProvider> renewals;
  std::unique_ptr<kms::LimitedKeyProvider> validations;
  std::unique_ptr<kms::LimitedKeyProvider> background;
  std::unique_ptr<health::HealthMonitor> health;
  std::unique_ptr<keyring::UsageMeter> usage;
  std::unique_ptr<data::UsageRecorder> usage_recorder;
  std::unique_ptr<keyring::Keyring> keyring;
  std::unique_ptr<keyring::NoticeFollower> follower;
  std::unique_ptr<keyring::Rewrapper> rewrapper;

  // Drops the leases under a key; for those that were made before the keyring.
  [[nodiscard]] health::ForgetKey forget_key();
};

// The longest soft age that an organisation may choose, or that the server has by default.
[[nodiscard]] std::chrono::milliseconds longest_soft_age(const ServerConfig& config);

// Takes the root keys out of `storage`. Errors name the setting that is wrong.
[[nodiscard]] Result<std::unique_ptr<Keys>> make_keys(const ServerTools& tools, Storage& storage,
                                                      metrics::ServerMetrics& metrics);

}  // namespace latchkey::server
