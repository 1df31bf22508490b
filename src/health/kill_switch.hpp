// The kill switch: an operator, or the customer's incident team, ends all access under an external key at once, without
// anybody's cloud. Durable; it lasts until somebody ends it. Every door to data finds the suspension where it reads the
// workspace (admin/compartments.hpp), so no request after it is answered with data; leases are dropped at once, and
// what was lent to libraries ends at its next renewal. The key is not asked meanwhile.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "health/health_monitor.hpp"
#include "store/store.hpp"

namespace latchkey::health {

class KillSwitch {
 public:
  // All references outlive it. `forget` drops what is held and known of a key (Keyring::evict).
  KillSwitch(store::Store& store, const Clock& clock, RandomSource& random, HealthMonitor& monitor, ForgetKey forget);

  // Each leaves an activity and gives the key's health afterwards; suspending a suspended key, or resuming one that is
  // not, changes nothing. NotFound where the caller's organisation has no such key. `reason` is told to everybody who
  // is refused. Once suspended, nobody who asks later gets in, whatever becomes of this call; a failure means that it
  // may not have been.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> suspend(audit::Caller caller, std::string external_key_id,
                                                               std::optional<std::string> reason);
  // The key is asked at once; what it says is its health.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> resume(audit::Caller caller, std::string external_key_id);

 private:
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> change(
      std::string external_key_id, std::function<Result<store::ExternalKeyHealth>(store::Transaction&)> work);

  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  HealthMonitor& monitor_;
  ForgetKey forget_;
};

}  // namespace latchkey::health
