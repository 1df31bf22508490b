// What is durable of the keys' health. Every change of state leaves an activity and, where people are to be woken or
// may sleep again, a webhook event, all in one transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "health/key_health.hpp"
#include "store/store.hpp"

namespace latchkey::health {

class HealthBook {
 public:
  // All references outlive it.
  HealthBook(store::Store& store, const Clock& clock, RandomSource& random)
      : store_(store), clock_(clock), random_(random) {}

  // Writes what was found by asking. Gives what stands there afterwards, which is another where the key is suspended;
  // nothing where the key is gone.
  [[nodiscard]] Task<Result<std::optional<store::ExternalKeyHealth>>> record(store::ExternalKeyHealth found);

  using Attached = store::AttachedKey;
  // Every key that is to be looked after, of all organisations. Read a page at a time.
  [[nodiscard]] Task<Result<std::vector<Attached>>> attached();
  // One that is wrapped under the key; absent where there is none.
  [[nodiscard]] Task<Result<std::optional<store::DataKey>>> data_key_under(store::ExternalKey key);

  // Both write the health of a key that is being suspended or resumed (admin/suspensions.hpp), in its transaction.
  [[nodiscard]] Result<void> begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                              const store::ExternalKeySuspension& suspension);
  [[nodiscard]] Result<void> end_suspension(store::Transaction& transaction, const store::ExternalKey& key);

  // Unknown where nothing is known. NotFound where the caller's organisation has no such key.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> read(audit::Caller caller, std::string external_key_id);

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::health
