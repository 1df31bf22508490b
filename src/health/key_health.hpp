// The state of an external key, computed from events by a pure function that takes the time as an argument.
//
//   unknown      nobody has asked the key since it was attached or resumed
//   healthy      the key wraps and unwraps
//   degraded     the key works, but some calls fail; or it unwraps and refuses to wrap; or nobody could reach it for a
//                while, which leases bridge
//   refused      the key refused once, and has not worked since
//   unreachable  several calls in a row, over some time, got no response
//   suspended    an admin forbade us to ask the key (admin/suspensions.hpp)
//
// A single failure to reach a key changes nothing, and a key that failed is healthy again only after it has worked for
// a while, so that a flapping connection wakes nobody. A refusal, and its end, count at once.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "store/rows.hpp"

namespace latchkey::health {

using State = store::KeyHealthState;

struct HealthRules {
  int failures_to_degrade = 2;  // failures to reach the key, since it last worked for `settle`
  int failures_to_unreachable = 3;
  std::chrono::milliseconds unreachable_after{120'000};  // and that long without a response
  std::chrono::milliseconds settle{60'000};              // that long without a failure, until it is healthy
};

// What a request or a check found out about a key.
struct KeyEvent {
  enum class Kind {
    Unwrapped,    // the key unwrapped a data key, on which access to data depends
    RoundTrip,    // the key wrapped and unwrapped a probe
    Failed,       // the key refused, or could not be asked, as the error says
    WrapRefused,  // the key refuses to wrap, and still unwraps
  };
  Kind kind = Kind::Unwrapped;
  Timestamp at;  // of the latest of equal events
  Error error = {};
  int count = 1;         // equal events in a row
  Timestamp first = at;  // of the earliest of them
};

// The stored row of a key's health, and the failures that may become trouble.
struct KeyHealth {
  store::ExternalKeyHealth row;
  int failures = 0;         // to reach the key, since its trouble began
  int failures_in_row = 0;  // since the last response
  Timestamp first_failure_in_row;
  std::optional<Timestamp> last_failure;
};

// The health of a key about which nothing is known.
[[nodiscard]] KeyHealth unknown_health(const store::ExternalKey& key, Timestamp now);

// The health after the event. An event of a suspended key changes nothing.
[[nodiscard]] KeyHealth after(KeyHealth health, const KeyEvent& event, const HealthRules& rules);

// What a change of state announces to people and programs.
enum class Announcement { None, Failed, Recovered };
// Sets `alarmed` of `current`. Failed where the key becomes refused, unreachable or suspended; Recovered where it
// becomes healthy after a failure was announced.
[[nodiscard]] Announcement announce(const store::ExternalKeyHealth& previous, store::ExternalKeyHealth& current);

}  // namespace latchkey::health
