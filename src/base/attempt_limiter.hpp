// Limits how often an admin may start a manual action, such as validating a key or testing a webhook: one attempt at a
// time on each object, and a few a minute. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"

namespace latchkey {

class AttemptLimiter {
 public:
  struct Words {
    std::string thing = "External key";
    std::string tried = "validated";
  };
  // The clock must outlive the limiter. An object that was not used lately has `per_minute` attempts in reserve; used
  // ones come back evenly over a minute.
  AttemptLimiter(const Clock& clock, unsigned per_minute) : AttemptLimiter(clock, per_minute, Words()) {}
  AttemptLimiter(const Clock& clock, unsigned per_minute, Words words)
      : clock_(clock), per_minute_(per_minute), words_(std::move(words)) {}

  // The caller holds the permit while the attempt runs. A permit must not outlive the limiter.
  using Permit = std::shared_ptr<void>;
  // RateLimited, with the time to wait, while another attempt on this object runs or when the minute's attempts are
  // used up.
  [[nodiscard]] Result<Permit> begin(const std::string& id);
  // How many objects the limiter remembers: those used within the last minute.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    double left = 0;
    SteadyTime at;
    bool busy = false;
  };
  [[nodiscard]] double filled(const Bucket& bucket, SteadyTime now) const;
  void forget_full(SteadyTime now) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] Error too_often(const std::string& id, std::string_view why, std::chrono::milliseconds wait) const;

  const Clock& clock_;
  unsigned per_minute_;
  Words words_;
  mutable Mutex mutex_;
  std::map<std::string, Bucket> buckets_ LATCHKEY_GUARDED_BY(mutex_);
  SteadyTime looked_at_ LATCHKEY_GUARDED_BY(mutex_){};
};

}  // namespace latchkey
