// What the keyring knows of one version of one external key: when the key last let us in, when to ask it again, whether
// it refused or nobody could ask it. Pure: callers pass the time, and nothing here waits. Not thread-safe: the lease
// table guards it.
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

// A failure that the keyring remembers, so that it does not ask the key again and again.
class BackoffState {
 public:
  // After the first failure the next try waits settings.first, and after each further one twice as long.
  void note(const Error& error, AgeTime now, const BackoffSettings& settings);
  void clear() { error_.reset(); }
  [[nodiscard]] explicit operator bool() const { return error_.has_value(); }
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] AgeTime last_at() const { return last_at_; }
  [[nodiscard]] AgeTime next_try() const { return next_try_; }
  // Whether it is time for another try: true for one caller, which makes it. The others use the failure that is known.
  bool take_try(AgeTime now);

 private:
  std::optional<Error> error_;
  AgeTime last_at_{};
  AgeTime next_try_{};
  std::chrono::milliseconds wait_{0};
};

// What a caller may do with a lease.
enum class LeaseUse {
  Fresh,     // younger than soft
  Awaiting,  // just past soft: usable, while a renewal asks its key
  Bridging,  // older: usable, as nobody can ask its key
  Stale,     // older: the caller asks its key before it uses the lease
  Gone,      // past the hard age
};

struct KeyVersionStateSettings {
  BackoffSettings refusals;
  BackoffSettings outages;
  // A request to a key that is older began before the machine slept: no lease serves on while it runs.
  std::chrono::milliseconds longest_request{35'000};
};

struct KeyVersionState {
  std::optional<AgeTime> proven_at;
  AgeTime renew_at{};
  std::optional<AgeTime> renewing_since;  // a renewal runs
  AgeTime awaited_until{};                // until then leases serve on while the renewal runs
  AgeTime not_before{};                   // no renewal begins before, also where the last one ended without a response
  bool used = false;                      // since the key last let us in
  bool wanted = false;                    // a caller was refused since the last request to the key
  AgeTime asked_at{};
  BackoffState refusal;
  BackoffState outage;

  // The key let us in, in response to a request of `when`. `phase` in [0, 1) spreads the renewals of many keys.
  void record_success(AgeTime when, const LeaseAges& ages, double phase);
  void record_refusal(const Error& error, AgeTime now, const KeyVersionStateSettings& settings);
  void record_outage(const Error& error, AgeTime now, const KeyVersionStateSettings& settings);

  [[nodiscard]] LeaseUse use(const LeaseAges& ages, AgeTime now) const;
  // Whether it is time to renew, and nobody has begun to.
  [[nodiscard]] bool renewal_due(const LeaseAges& ages, AgeTime now) const;
  // Whether it is time to ask a key that refused whether it still does, and a caller wanted it in the meantime.
  [[nodiscard]] bool probe_due(AgeTime now) const;
  void begin_renewal(AgeTime now, const KeyVersionStateSettings& settings);
  // The refusal or the outage that is known, which a caller takes instead of a request to the key. Absent where the
  // caller asks the key.
  [[nodiscard]] std::optional<Error> cached_failure(AgeTime now);
};

// A renewal may be so late and still be in time: requests that use a lease all the while never wait for its renewal,
// and a request for an idle lease waits until the key was asked.
[[nodiscard]] std::chrono::milliseconds renewal_slack(const LeaseAges& ages);

}  // namespace latchkey::keyring
