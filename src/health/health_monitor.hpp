// The health monitor: hears from the keyring what becomes of the customers' keys, checks those that nobody used for a
// while, and keeps what is known of each (health_book.hpp). When a check finds that a key refuses, it has the keyring
// drop the leases, and when a key that refused lets us in again, forget the refusal: re-enabling a key restores service
// by itself.
//
// A check wraps and unwraps a random probe. It runs when nothing proved the key for `interval`, and, while something is
// wrong, after `retry.first`, then ever more seldom up to `retry.most`. Checks go through a provider of their own,
// which lets requests go first; the refused keys are checked before the others.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "admin/external_keys.hpp"
#include "admin/suspensions.hpp"
#include "audit/caller.hpp"
#include "health/key_health.hpp"
#include "keyring/key_observer.hpp"
#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::health {

// Drops what is held under a key, and forgets what is known of it: Keyring::evict. Called on any thread.
using ForgetKey = std::function<void(const std::string& external_key_id)>;

struct RetrySettings {
  std::chrono::milliseconds first{10'000};
  std::chrono::milliseconds most{60'000};
};

struct MonitorSettings {
  HealthRules rules;
  std::chrono::milliseconds interval{300'000};  // zero: keys are checked where something asks for it alone
  RetrySettings retry;
  std::chrono::milliseconds refresh{10'000};  // how often the list of attached keys is read
  std::chrono::milliseconds timeout{10'000};  // of one check
  std::size_t concurrency = 2;
};

class HealthMonitor final : public keyring::KeyObserver,
                            public admin::ValidationListener,
                            public admin::SuspensionListener {
 public:
  // The references outlive it and the last run of the executor's context; `provider` is the one for background work.
  HealthMonitor(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
                RandomSource& random, boost::asio::any_io_executor executor, MonitorSettings settings,
                ForgetKey forget);
  ~HealthMonitor() override;
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // From any thread; none of them waits. What is heard of a key is kept in order; of a flood, the latest.
  void proved(const std::string& external_key_id) override;
  void failed(const std::string& external_key_id, const Error& error) override;
  // A validation that passed makes the keyring forget a refusal before this returns.
  void validated(const std::string& external_key_id, bool success) override;
  [[nodiscard]] Result<void> begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                              const store::ExternalKeySuspension& suspension) override;
  [[nodiscard]] Result<void> end_suspension(store::Transaction& transaction, const store::ExternalKey& key) override;
  void health_written(const store::ExternalKeyHealth& stored) override;

  // Attends by itself from now on, until it is stopped; checks that are on their way then end by themselves.
  void start();
  void stop();

  // Once: takes what was heard and begins the checks that are due. Not while another call runs. For start(), and tests.
  [[nodiscard]] Task<void> attend();
  // Neither news to be taken nor checks on the way.
  [[nodiscard]] bool idle() const;

  // What the API shows: what is stored, with times as late as is known here. NotFound where the caller's organisation
  // has no such key.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> health_of(audit::Caller caller, std::string external_key_id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::health
