// A suspension ends all access under an external key at once, without asking anybody's cloud: an operator, or the
// customer's incident team, suspends the key here. A suspension is durable and lasts until somebody ends it. Every
// request for data reads the suspension together with the workspace (data/compartments.hpp), so that no later request
// gets data. The server drops its own leases at once, and leases of client libraries end at their next renewal. Nobody
// asks the key meanwhile.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

// KeyDenied with reason "suspended": who suspended the key, when, why, and what ends the suspension.
[[nodiscard]] Error suspended_error(const store::ExternalKeySuspension& suspension);

// That error while the key is suspended. Everything that would ask a customer's key calls it first.
[[nodiscard]] Result<void> refuse_if_suspended(store::Transaction& transaction, const Uuid& organization,
                                               std::string_view external_key_id);

// Keeps a key's health in step with its suspension: the health monitor.
class SuspensionListener {
 public:
  SuspensionListener() = default;
  SuspensionListener(const SuspensionListener&) = delete;
  SuspensionListener& operator=(const SuspensionListener&) = delete;
  virtual ~SuspensionListener() = default;

  // Both write the key's health, and announce the change, in the transaction that makes it. Errors: the store's.
  [[nodiscard]] virtual Result<void> begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                                      const store::ExternalKeySuspension& suspension) = 0;
  [[nodiscard]] virtual Result<void> end_suspension(store::Transaction& transaction, const store::ExternalKey& key) = 0;
  // The health that stands in the store, once the transaction is durable.
  virtual void health_written(const store::ExternalKeyHealth& health) = 0;
};

class Suspensions {
 public:
  // Drops what is held under a key, and forgets what is known of it: Keyring::evict.
  using ForgetKey = std::function<void(const std::string& external_key_id)>;

  // All references outlive it.
  Suspensions(store::Store& store, const Clock& clock, RandomSource& random, SuspensionListener& listener,
              ForgetKey forget)
      : store_(store), clock_(clock), random_(random), listener_(listener), forget_(std::move(forget)) {}

  // Each records an activity and returns the key's health afterwards. Suspending a suspended key, or resuming one that
  // is not, changes nothing. NotFound where the caller's organisation has no such key. Everybody who is refused is told
  // the `reason`. Once a key is suspended, no later request gets in, even where this call is broken off; a failure
  // means that the key may not have been suspended.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> suspend(audit::Caller caller, std::string external_key_id,
                                                               std::optional<std::string> reason);
  // The server asks the key at once, and the key's response becomes its health.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> resume(audit::Caller caller, std::string external_key_id);

 private:
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> change(
      std::string external_key_id, std::function<Result<store::ExternalKeyHealth>(store::Transaction&)> work);

  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  SuspensionListener& listener_;
  ForgetKey forget_;
};

}  // namespace latchkey::admin
