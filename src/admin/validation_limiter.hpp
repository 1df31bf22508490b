// How often something may be tried by hand: one try at a time of each thing, and a few a minute. Thread-safe.
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
  struct Words {
    std::string thing = "External key";
    std::string tried = "validated";
  };
  // The clock outlives it. Saved up to `per_minute`, and as many come back in a minute.
  ValidationLimiter(const Clock& clock, unsigned per_minute) : ValidationLimiter(clock, per_minute, Words()) {}
  ValidationLimiter(const Clock& clock, unsigned per_minute, Words words)
      : clock_(clock), per_minute_(per_minute), words_(std::move(words)) {}

  // Held while the try runs; it must not outlive the limiter.
  using Leave = std::shared_ptr<void>;
  // RateLimited, with the time to wait.
  [[nodiscard]] Result<Leave> begin(const std::string& id);
  // How many things are remembered: those of the last minute.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Bucket {
    double left = 0;
    SteadyTime at;
    bool busy = false;
  };
  [[nodiscard]] double filled(const Bucket& bucket, SteadyTime now) const;
  void forget_full(SteadyTime now);
  [[nodiscard]] Error too_often(const std::string& id, std::string_view why, std::chrono::milliseconds wait) const;

  const Clock& clock_;
  unsigned per_minute_;
  Words words_;
  mutable std::mutex mutex_;  // over what follows
  std::map<std::string, Bucket> buckets_;
  SteadyTime looked_at_{};
};

}  // namespace latchkey::admin
