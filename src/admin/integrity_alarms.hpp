// Reports rows that do not verify (store/row_seal.hpp): the log says so at once, a counter goes up, and the
// organisation that the row names gets an activity.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/random.hpp"
#include "store/sealed_rows.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

class IntegrityAlarms {
 public:
  // Both references outlive the object.
  IntegrityAlarms(const Clock& clock, RandomSource& random) : clock_(clock), random_(random) {}

  // May be called on any thread, and waits for nothing. A row is logged and reported once in ten minutes, however often
  // it is read.
  void raise(const store::IntegrityAlarm& alarm);

  // Writes the raised alarms into the activity feeds, as `org_stored_row_refused`, and keeps those that could not be
  // written. Errors: the store's.
  [[nodiscard]] Task<Result<void>> record(store::Store& store);

  // How often rows of each table were refused since the process started.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() const;

 private:
  struct Raised {
    store::IntegrityAlarm alarm;
    Timestamp at;
  };

  const Clock& clock_;
  RandomSource& random_;
  mutable Mutex mutex_;
  std::map<std::string, std::int64_t> counts_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<std::string, SteadyTime> told_ LATCHKEY_GUARDED_BY(mutex_);  // by table and id; bounded
  std::vector<Raised> pending_ LATCHKEY_GUARDED_BY(mutex_);             // bounded
};

}  // namespace latchkey::admin
