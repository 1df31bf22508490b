// Writes what the usage meter has counted to the activity feed: "data_keys_used", one activity for each workspace and
// data key, by the system. It also writes that a data key is in use, before the first response that the key is used
// for: "data_keys_use_began".
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "keyring/usage_meter.hpp"
#include "store/store.hpp"

namespace latchkey::data {

class UsageRecorder {
 public:
  // The references outlive the recorder, and the recorder outlives the last run of the executor's context, because a
  // write may outlast its caller.
  UsageRecorder(store::Store& store, keyring::UsageMeter& meter, const Clock& clock, RandomSource& random)
      : store_(store), meter_(meter), clock_(clock), random_(random) {}
  // To be called before each use of a lease's data key; call `count` after the use. It writes, and takes time, only
  // where the data key was not in use; callers in the meantime wait for the same write. Where the store cannot be
  // written, or not by then, the log says so and the next use tries again: data that can be read stays readable.
  [[nodiscard]] bool begins(const keyring::Compartment& compartment, const keyring::Lease& lease) {
    return meter_.begin(compartment, lease.external_key_id, lease.key->id(), lease.kms_request_id);
  }
  [[nodiscard]] Task<void> tell_beginnings(Deadline deadline);
  void count(const keyring::Compartment& compartment, const keyring::Lease& lease, const keyring::UsageCounts& counts) {
    meter_.count(compartment, lease.external_key_id, lease.key->id(), counts, lease.kms_request_id);
  }
  // To be called each minute, and at the end. Where the store cannot be written, nothing is lost: the counts go on.
  [[nodiscard]] Task<Result<void>> record();

 private:
  [[nodiscard]] Task<bool> write_beginnings();

  store::Store& store_;
  keyring::UsageMeter& meter_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::data
