// Callers pass the clock in. `now` is the wall clock, for times that are stored and shown. `steady` never jumps and
// stands still while the machine sleeps; it measures deadlines: how long a caller waits. `age_time` goes on while the
// machine sleeps; it measures ages: how long ago a key was proven or a lease given.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/mutex.hpp"
#include "base/result.hpp"

namespace latchkey {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
// The moment at which a caller stops waiting.
using Deadline = SteadyTime;

// A type of its own, so that the compiler keeps ages and deadlines apart.
struct AgeClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<AgeClock>;
  static constexpr bool is_steady = true;  // NOLINT(readability-identifier-naming): the standard's name
};
using AgeTime = AgeClock::time_point;

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual SteadyTime steady() const = 0;
  // Never goes back, and advances by the larger of what the time since boot and the wall clock advance: on a machine
  // that was suspended, or paused by its host, everything is as old as it really is. A wall clock that leaps forward
  // makes ages older by the leap, which costs one extra request to the key; one that leaps back changes nothing.
  // Thread-safe and lock-free.
  [[nodiscard]] virtual AgeTime age_time() const = 0;
};

// Derives ages from two clocks that each miss something: the time since boot stands still while the host pauses a
// virtual machine, and the wall clock may be set back. Thread-safe.
class AgeCounter {
 public:
  struct Reading {
    std::chrono::nanoseconds since_boot;
    std::chrono::nanoseconds wall;
  };
  // Reads both clocks as close to the same moment as possible; may be slow.
  using ReadClosely = std::function<Reading()>;
  // A smaller difference between the clocks comes from reading them at different moments, or from slewing. Slewing
  // counts once it has added up to this much.
  static constexpr std::chrono::milliseconds kTolerance{50};

  explicit AgeCounter(ReadClosely read);
  [[nodiscard]] AgeTime at(const Reading& reading);

 private:
  [[nodiscard]] AgeTime account_for_leap();

  ReadClosely read_;
  Mutex mutex_;                                       // for writers of the two below, `gained_` first
  std::atomic<std::chrono::nanoseconds::rep> ahead_;  // by how much the wall clock is ahead of the time since boot
  std::atomic<std::chrono::nanoseconds::rep> gained_{0};
};

// All instances share one age counter.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady() const override;
  [[nodiscard]] AgeTime age_time() const override;
};

// A clock that moves only when told to. Thread-safe. For tests and for the emulator's time control.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start);
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady() const override;
  [[nodiscard]] AgeTime age_time() const override;
  void advance(std::chrono::microseconds by);
  // Acts as if the machine was suspended or paused for this long: nothing ran, and no deadline came nearer.
  void sleep(std::chrono::microseconds by);
  // Acts as if the wall clock was set forward, or back where `by` is negative.
  void leap_wall(std::chrono::microseconds by);

 private:
  mutable Mutex mutex_;
  Timestamp now_ LATCHKEY_GUARDED_BY(mutex_);
  SteadyTime steady_ LATCHKEY_GUARDED_BY(mutex_);
  AgeTime age_ LATCHKEY_GUARDED_BY(mutex_);
};

// RFC 3339 in UTC with microseconds, "2026-10-30T23:58:27.427722Z": the only form in which we store and send times.
[[nodiscard]] std::string format_timestamp(Timestamp time);
// Takes any RFC 3339 time of at most 64 characters, with any offset and any number of fractional digits; digits below a
// microsecond are cut off. Invalid for any other text.
[[nodiscard]] Result<Timestamp> parse_timestamp(std::string_view text);

}  // namespace latchkey
