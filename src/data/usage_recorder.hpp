// The one writer of what the usage meter counts. It writes to the activity feed, by the system: "data_keys_use_began"
// for a data key before the first response that the key is used for, and "data_keys_used", one activity for each
// workspace and data key. And it adds what the data keys encrypted to their rows, which show when to replace them.
#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/keyring.hpp"
#include "keyring/usage_meter.hpp"
#include "store/store.hpp"

namespace latchkey::data {

// Thread-safe, but for run_once and flush_all, which only one caller at a time may call.
class UsageRecorder {
 public:
  // The references outlive the recorder, and the recorder outlives the last run of the executor's context, because a
  // write may outlast its caller.
  UsageRecorder(store::Store& store, keyring::UsageMeter& meter, const Clock& clock, RandomSource& random)
      : store_(store), meter_(meter), clock_(clock), random_(random) {}

  // To be called before each use of a lease's data key. True where the activity feed does not say yet that the data key
  // is in use: the caller then awaits announce_beginnings before the use. Call record_usage after the use.
  [[nodiscard]] bool begin_usage(const keyring::Compartment& compartment, const keyring::Lease& lease) {
    return meter_.begin(compartment, lease.external_key_id, lease.key->id(), lease.kms_request_id);
  }
  // Writes all beginnings; callers in the meantime wait for the same write. Where the store cannot be written, or not
  // by the deadline, the log says so and the next use tries again: data that can be read stays readable.
  [[nodiscard]] Task<void> announce_beginnings(Deadline deadline);
  void record_usage(const keyring::Compartment& compartment, const keyring::Lease& lease,
                    const keyring::UsageCounts& counts) {
    meter_.record_usage(compartment, lease.external_key_id, lease.key->id(), counts, lease.kms_request_id);
  }

  // Writes the counts so far to the activity feed. Where the store cannot be written, nothing is lost: the counts go
  // on.
  [[nodiscard]] Task<Result<void>> flush_usage();
  // Adds the counts so far to the rows of the data keys, and likewise loses nothing.
  [[nodiscard]] Task<Result<void>> flush_row_counts();

  // What the server does in the background: flushes the usage each minute, and the row counts each fifth time. Returns
  // the time until the next run; the log says what could not be written.
  [[nodiscard]] Task<std::chrono::milliseconds> run_once();
  // What the server does last.
  [[nodiscard]] Task<void> flush_all();

  static constexpr std::chrono::minutes kPeriod{1};
  // A crash loses the row counts of as many periods (docs/data-keys.md).
  static constexpr int kPeriodsBetweenRowCounts = 5;

 private:
  [[nodiscard]] Task<bool> write_beginnings();
  [[nodiscard]] Task<void> flush_usage_or_log();
  [[nodiscard]] Task<void> flush_row_counts_or_log();

  store::Store& store_;
  keyring::UsageMeter& meter_;
  const Clock& clock_;
  RandomSource& random_;
  int runs_ = 0;
};

}  // namespace latchkey::data
