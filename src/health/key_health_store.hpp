// Reads and writes the health of keys in the store. Every change of state records an activity and, where people must be
// woken or may sleep again, publishes a webhook event, all in one transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/task.hpp"
#include "health/key_health.hpp"
#include "store/store.hpp"

namespace latchkey::health {

class KeyHealthStore {
 public:
  // All references outlive the object.
  KeyHealthStore(store::Store& store, const Clock& clock, RandomSource& random)
      : store_(store), clock_(clock), random_(random) {}

  // Writes the health that events led to, unless the key is suspended. Returns the row that stands afterwards; nothing
  // where the key is gone.
  [[nodiscard]] Task<Result<std::optional<store::ExternalKeyHealth>>> record(store::ExternalKeyHealth found);

  using Attached = store::AttachedKey;
  // Every attached key of all organisations, read a page at a time.
  [[nodiscard]] Task<Result<std::vector<Attached>>> attached();
  // A data key that is wrapped under the key; absent where there is none.
  [[nodiscard]] Task<Result<std::optional<store::DataKey>>> data_key_under(store::ExternalKey key);

  // Both write the health of a key that is being suspended or resumed (admin/suspensions.hpp), in its transaction.
  [[nodiscard]] Result<void> begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                              const store::ExternalKeySuspension& suspension);
  [[nodiscard]] Result<void> end_suspension(store::Transaction& transaction, const store::ExternalKey& key);

  // The state is unknown where nothing is stored. NotFound where the caller's organisation has no such key.
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> read(audit::Caller caller, std::string external_key_id);

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::health
