// How often a key may be validated by hand: one at a time for each external key, and a few a minute. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace latchkey::admin {

class ValidationLimiter {
 public:
  // The clock outlives it. Saved up to `per_minute`, and as many come back in a minute.
  ValidationLimiter(const Clock& clock, unsigned per_minute) : clock_(clock), per_minute_(per_minute) {}

  // Held while the validation runs; it must not outlive the limiter.
  using Leave = std::shared_ptr<void>;
  // RateLimited, with the time to wait.
  [[nodiscard]] Result<Leave> begin(const std::string& external_key_id);
  // How many keys are remembered: those of the last minute.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    double left = 0;
    SteadyTime at;
    bool busy = false;
  };
  [[nodiscard]] double filled(const Bucket& bucket, SteadyTime now) const;
  void forget_full(SteadyTime now);

  const Clock& clock_;
  unsigned per_minute_;
  mutable std::mutex mutex_;  // over what follows
  std::map<std::string, Bucket> buckets_;
  SteadyTime looked_at_{};
};

}  // namespace latchkey::admin
