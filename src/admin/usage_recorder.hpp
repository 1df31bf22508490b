// Writes what the usage meter has counted to the activity feed: "data_keys_used", one entry a workspace and data key,
// by the system. And that a data key is in use, before the first answer that it is used for: "data_keys_use_began".
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "keyring/usage_meter.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

class UsageRecorder {
 public:
  // The references outlive it; it outlives the last run of the executor's context, for writes may outlast who waits.
  UsageRecorder(store::Store& store, keyring::UsageMeter& meter, const Clock& clock, RandomSource& random)
      : store_(store), meter_(meter), clock_(clock), random_(random) {}
  // Before each use of a lease's data key; after it `count`. Writes, and lasts, only where the data key was not in use;
  // who asks meanwhile waits for the same write. Where the store cannot be written, or not by then, that is logged, and
  // tried again with the next use: what can be read goes on being read.
  [[nodiscard]] bool begins(const keyring::Compartment& compartment, const keyring::Lease& lease) {
    return meter_.begin(compartment, lease.external_key_id, lease.key->id(), lease.kms_request_id);
  }
  [[nodiscard]] Task<void> tell_beginnings(Deadline deadline);
  void count(const keyring::Compartment& compartment, const keyring::Lease& lease, const keyring::UsageCounts& counts) {
    meter_.count(compartment, lease.external_key_id, lease.key->id(), counts, lease.kms_request_id);
  }
  // To be called each minute, and at the end. Where the store cannot be written, nothing is lost: it is counted on.
  [[nodiscard]] Task<Result<void>> record();

 private:
  [[nodiscard]] Task<bool> write_beginnings();

  store::Store& store_;
  keyring::UsageMeter& meter_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::admin
