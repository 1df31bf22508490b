// The health monitor. The keyring reports to it how the customers' keys respond; the monitor checks the keys that no
// request used for a while, and stores the health of each (key_health_store.hpp). When a check finds that a key
// refuses, the monitor has the keyring drop the leases; when a key works again, the monitor has the keyring forget the
// refusal. So re-enabling a key restores service by itself.
//
// A check wraps and unwraps a random probe. A key is checked when no call under it succeeded for `interval`, and, while
// something is wrong, after `retry.first`, then ever more seldom up to `retry.most`. Checks go through a provider of
// their own, which lets requests go first. Refused keys are checked before the others.
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
#include "base/background_task.hpp"
#include "health/key_health.hpp"
#include "keyring/key_observer.hpp"
#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::health {

// Drops the leases under a key, and forgets what is known of it: Keyring::evict. The monitor calls it on any thread.
using ForgetKey = std::function<void(const std::string& external_key_id)>;

struct RetrySettings {
  std::chrono::milliseconds first{10'000};
  std::chrono::milliseconds most{60'000};
};

struct MonitorSettings {
  HealthRules rules;
  std::chrono::milliseconds interval{300'000};  // zero: a key is checked only where something asks for it
  RetrySettings retry;
  std::chrono::milliseconds refresh{10'000};  // how often the list of attached keys is read
  std::chrono::milliseconds timeout{10'000};  // for one check
  std::size_t concurrency = 2;
};

class HealthMonitor final : public keyring::KeyObserver,
                            public admin::ValidationListener,
                            public admin::SuspensionListener {
 public:
  // The references outlive the monitor and the last run of the executor's context. `provider` is the one for background
  // work.
  HealthMonitor(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
                RandomSource& random, boost::asio::any_io_executor executor, MonitorSettings settings,
                ForgetKey forget);
  ~HealthMonitor() override;
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;

  // May be called on any thread; none of them waits. Events of a key are kept in order; of a flood, the latest.
  void proved(const std::string& external_key_id) override;
  void failed(const std::string& external_key_id, const Error& error) override;
  // A successful validation makes the keyring forget a refusal before this returns.
  void validated(const std::string& external_key_id, bool success) override;
  [[nodiscard]] Result<void> begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                              const store::ExternalKeySuspension& suspension) override;
  [[nodiscard]] Result<void> end_suspension(store::Transaction& transaction, const store::ExternalKey& key) override;
  void health_written(const store::ExternalKeyHealth& stored) override;

  // Calls run_once() again and again until stop(), in the task that this returns.
  [[nodiscard]] std::shared_ptr<BackgroundTask> start();
  // From now on no check begins; those under way end by themselves.
  void stop();

  // Takes the reported events, begins the checks that are due, and returns how long to wait before the next call. Only
  // one call may run at a time.
  [[nodiscard]] Task<std::chrono::milliseconds> run_once();
  // Whether no event waits to be taken and no check is under way.
  [[nodiscard]] bool idle() const;

  // The health that the API shows: the stored row, with later times where this process knows them. NotFound where the
  // caller's organisation has no such key.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> health_of(audit::Caller caller, std::string external_key_id);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::health
