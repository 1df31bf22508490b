// How well an external key serves, worked out from what is heard of it: a pure function, with time as an argument.
//
//   unknown      not asked since it was attached or resumed
//   healthy      lets us in
//   degraded     it works, but calls fail in between; or it opens what there is and wraps nothing new; or it could not
//   be
//                asked for a while, which leases bridge
//   refused      it said no: on the first refusal, until it lets us in again
//   unreachable  several tries in a row, over some time, got no answer
//   suspended    an operator forbade us to ask it (admin/suspensions.hpp)
//
// One failure to reach a key says nothing, and a key that failed is healthy again only once it has worked for a while:
// so nobody is woken by a flap. A refusal, and its end, count at once.
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
  int failures_to_degrade = 2;  // to reach the key, since it last worked for `settle`
  int failures_to_unreachable = 3;
  std::chrono::milliseconds unreachable_after{120'000};  // and so long without an answer
  std::chrono::milliseconds settle{60'000};              // without a failure, until it is healthy
};

struct News {
  enum class Kind {
    Proved,       // it unwrapped, which is what access to data hangs on
    RoundTrip,    // it wrapped and unwrapped
    Failed,       // refused or could not be asked, as the error says
    WrapRefused,  // it wraps nothing new, and still unwraps
  };
  Kind kind = Kind::Proved;
  Timestamp at;  // of the latest
  Error error = {};
  int count = 1;         // equal news in a row
  Timestamp first = at;  // of the earliest of these
};

// What is durable of a key's health, and the failures that may or may not become trouble.
struct KeyHealth {
  store::ExternalKeyHealth row;
  int failures = 0;         // to reach it, in this spell of trouble
  int failures_in_row = 0;  // since it last answered
  Timestamp row_began;      // of these
  std::optional<Timestamp> last_failure;
};

// A key of which nothing is known.
[[nodiscard]] KeyHealth unknown_health(const store::ExternalKey& key, Timestamp now);

// The health after the news. News of a suspended key change nothing.
[[nodiscard]] KeyHealth after(KeyHealth health, const News& news, const HealthRules& rules);

// What people and programs are told of a change of state.
enum class Announcement { None, Failed, Recovered };
// Sets `alarmed` of `current`. Failed on the way to refused, unreachable or suspended; Recovered on the way to healthy,
// where a failure was announced.
[[nodiscard]] Announcement announce(const store::ExternalKeyHealth& previous, store::ExternalKeyHealth& current);

}  // namespace latchkey::health
