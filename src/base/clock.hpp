// Time is passed in. `now` is the wall clock, for what is stored and shown; `steady` never jumps, for ages and
// deadlines.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace latchkey {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
// The moment at which a caller stops waiting.
using Deadline = SteadyTime;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady() const override;
};

// A clock that stands still until it is told to move; thread-safe. For tests and for the emulator's time control.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start);
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady() const override;
  void advance(std::chrono::microseconds by);

 private:
  mutable std::mutex mutex_;
  Timestamp now_;
  SteadyTime steady_;
};

// RFC 3339 in UTC with microseconds, "2026-10-30T23:58:27.427722Z": the only form in which we store and send times.
[[nodiscard]] std::string format_timestamp(Timestamp time);
// Takes any RFC 3339 time of at most 64 characters, with any offset and any number of fractional digits; those behind
// the microsecond are cut off. Invalid otherwise.
[[nodiscard]] Result<Timestamp> parse_timestamp(std::string_view text);

}  // namespace latchkey
