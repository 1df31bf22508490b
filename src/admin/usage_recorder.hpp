// Writes what the usage meter has counted to the activity feed: "data_keys_used", one entry a workspace and data key,
// by the system.
#pragma once

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/usage_meter.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

class UsageRecorder {
 public:
  // The references outlive it.
  UsageRecorder(store::Store& store, keyring::UsageMeter& meter, const Clock& clock, RandomSource& random)
      : store_(store), meter_(meter), clock_(clock), random_(random) {}
  // To be called each minute, and at the end. Where the store cannot be written, nothing is lost: it is counted on.
  [[nodiscard]] Task<Result<void>> record();

 private:
  store::Store& store_;
  keyring::UsageMeter& meter_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::admin
