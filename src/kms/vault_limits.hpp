// How many calls to one vault may be in flight, and how many may begin in a stretch of time; vault_limiter.hpp says
// what the limits are for.
#pragma once

#include <chrono>
#include <cstddef>

namespace latchkey::kms {

enum class CallKind {
  Renewal,     // finds out whether a key that let us in still does
  Request,     // a caller waits for it
  Validation,  // an admin waits for it
  Background,  // rewrap and the like
};
inline constexpr std::size_t kCallKinds = 4;

// An eighth of the calls in flight, and of those that begin in a window, is for renewals alone. One organisation may
// use three quarters at most, and all validations together a quarter.
struct VaultLimits {
  unsigned per_key = 8;                           // in flight
  unsigned per_vault = 16;                        // in flight
  unsigned background_per_vault = 1;              // in flight, of background work
  unsigned per_window = 900;                      // that begin; background work takes half of it at most
  std::chrono::milliseconds window{10'000};       // any stretch of time of this length
  std::size_t waiting_per_organization = 20'000;  // for one vault; the limiter refuses more at once
  // A renewal waits no longer for its turn, because its lease is in use meanwhile.
  std::chrono::milliseconds renewal_turn{1'000};
};

}  // namespace latchkey::kms
