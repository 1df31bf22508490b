// Whether the store responds, for probes that need no key. However many probes come, it asks the store at most once a
// second.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/single_flight.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::api {

class Readiness : public std::enable_shared_from_this<Readiness> {
 public:
  // Both outlive the object.
  [[nodiscard]] static std::shared_ptr<Readiness> create(store::Store& store, const Clock& clock) {
    return std::shared_ptr<Readiness>(new Readiness(store, clock));
  }
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  ~Readiness() = default;

  // The result of a check that began within the last second, or of a new one. Errors: the store's.
  [[nodiscard]] Task<Result<void>> check();

 private:
  struct Look {
    SteadyTime began;
    Result<void> outcome;
  };
  Readiness(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}
  [[nodiscard]] std::optional<Result<void>> recent() const;
  static Task<Result<void>> look(std::shared_ptr<Readiness> self);

  store::Store& store_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::optional<Look> last_ LATCHKEY_GUARDED_BY(mutex_);
  SingleFlight<int, Result<void>> looks_;
};

}  // namespace latchkey::api
