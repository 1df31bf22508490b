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

  // The caller holds the permit while the attempt runs. It may outlive the limiter: a server that stops may not wait
  // for an attempt.
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
  struct Buckets {
    Mutex mutex;
    std::map<std::string, Bucket> by_id LATCHKEY_GUARDED_BY(mutex);
    SteadyTime looked_at LATCHKEY_GUARDED_BY(mutex){};

    void forget_full(SteadyTime now) LATCHKEY_REQUIRES(mutex);
  };
  [[nodiscard]] double filled(const Bucket& bucket, SteadyTime now) const;
  [[nodiscard]] Error too_often(const std::string& id, std::string_view why, std::chrono::milliseconds wait) const;

  const Clock& clock_;
  unsigned per_minute_;
  Words words_;
  std::shared_ptr<Buckets> buckets_ = std::make_shared<Buckets>();
};

}  // namespace latchkey
