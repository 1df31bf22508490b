// What becomes of a row that does not verify (store/row_seal.hpp): the log says so at once, a counter goes up, and the
// organisation that the row names finds it in its activity feed.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/sealed_rows.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

class IntegrityAlarms {
 public:
  // Both outlive it.
  IntegrityAlarms(const Clock& clock, RandomSource& random) : clock_(clock), random_(random) {}

  // From any thread; waits for nothing. Each row is logged and told once in ten minutes, however often it is read.
  void raise(const store::IntegrityAlarm& alarm);

  // Writes what was raised into the activity feeds, as `org_stored_row_refused`. What could not be written is kept.
  // Errors: the store's.
  [[nodiscard]] Task<Result<void>> record(store::Store& store);

  // How often rows of each table were refused, since the start.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() const;

 private:
  struct Raised {
    store::IntegrityAlarm alarm;
    Timestamp at;
  };

  const Clock& clock_;
  RandomSource& random_;
  mutable std::mutex mutex_;  // over everything below
  std::map<std::string, std::int64_t> counts_;
  std::map<std::string, SteadyTime> told_;  // by table and id; bounded
  std::vector<Raised> pending_;             // bounded
};

}  // namespace latchkey::admin
