// How one version of one external key stands with us: when it last let us in, when it is to be asked again, whether it
// refused or could not be asked. Pure: time is given, and nothing here waits. Not thread-safe; the lease table's.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "keyring/compartment.hpp"

namespace latchkey::keyring {

struct BackoffSettings {
  std::chrono::milliseconds first;
  std::chrono::milliseconds most;  // doubled each time up to this
};

// An answer that is remembered instead of asking again and again.
class BackoffState {
 public:
  // A first one waits settings.first, another one right behind it twice as long.
  void note(const Error& error, AgeTime now, const BackoffSettings& settings);
  void clear() { error_.reset(); }
  [[nodiscard]] explicit operator bool() const { return error_.has_value(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] AgeTime last_at() const { return last_at_; }
  [[nodiscard]] AgeTime next_try() const { return next_try_; }
  // Time for another try: true for one caller, who makes it; the others go on with the answer that is known.
  bool take_try(AgeTime now);

 private:
  std::optional<Error> error_;
  AgeTime last_at_{};
  AgeTime next_try_{};
  std::chrono::milliseconds wait_{0};
};

// What may be done with a lease.
enum class LeaseUse {
  Fresh,     // younger than soft
  Awaiting,  // just past soft, and used as it is: its key is being asked right now
  Bridging,  // older, and used as it is: its key cannot be asked
  Stale,     // older: its key is to be asked before it is used
  Gone,      // past the hard age
};

struct KeyVersionStateSettings {
  BackoffSettings refusals;
  BackoffSettings outages;
  // A question that is older was asked before the machine slept: no lease is used on for its answer.
  std::chrono::milliseconds longest_question{35'000};
};

struct KeyVersionState {
  std::optional<AgeTime> proven_at;
  AgeTime renew_at{};
  std::optional<AgeTime> renewing_since;  // a renewal is on its way
  AgeTime awaited_until{};                // for as long leases are used on for its answer
  AgeTime not_before{};                   // where renewals end without an answer, not at once again
  bool used = false;                      // since it was proven
  bool wanted = false;                    // asked for in vain since the last question
  AgeTime asked_at{};
  BackoffState refusal;
  BackoffState outage;

  // The key let us in when it was asked at `when`. `phase` in [0, 1) puts the renewals of many keys at different times.
  void record_success(AgeTime when, const LeaseAges& ages, double phase);
  void record_refusal(const Error& error, AgeTime now, const KeyVersionStateSettings& settings);
  void record_outage(const Error& error, AgeTime now, const KeyVersionStateSettings& settings);

  [[nodiscard]] LeaseUse use(const LeaseAges& ages, AgeTime now) const;
  // Whether a renewal is due that nobody has begun.
  [[nodiscard]] bool renewal_due(const LeaseAges& ages, AgeTime now) const;
  // Whether a refused key is due to be asked whether it still refuses, and somebody would like to know.
  [[nodiscard]] bool probe_due(AgeTime now) const;
  void begin_renewal(AgeTime now, const KeyVersionStateSettings& settings);
  // The answer for who would ask: a refusal or an outage that is known. Nothing where the caller is to ask.
  [[nodiscard]] std::optional<Error> cached_failure(AgeTime now);
};

// By how much a renewal may be late and still be in time: of a lease that is used all the while, requests never wait
// for the renewal, and one that was idle is asked for first.
[[nodiscard]] std::chrono::milliseconds renewal_slack(const LeaseAges& ages);

}  // namespace latchkey::keyring
