// How much of a vault its callers may use at once and in a stretch of time; call_gate.hpp says what for.
#pragma once

#include <chrono>
#include <cstddef>

namespace latchkey::kms {

enum class CallKind {
  Renewal,     // asks a key that let us in whether it still does
  Request,     // somebody waits for it
  Validation,  // an admin waits for it
  Background,  // rewrap and the like
};
inline constexpr std::size_t kCallKinds = 4;

// Of what is in flight and of what is begun, an eighth is kept for renewals and a quarter from any one organisation;
// validations take a quarter at most.
struct VaultLimits {
  unsigned per_key = 8;                           // in flight
  unsigned per_vault = 16;                        // in flight
  unsigned background_per_vault = 1;              // in flight, of those
  unsigned per_window = 900;                      // begun; background work takes half of it at most
  std::chrono::milliseconds window{10'000};       // any such stretch of time
  std::size_t waiting_per_organization = 20'000;  // before one vault; more are turned away at once
  // A renewal waits no longer for its turn: meanwhile its lease is used on.
  std::chrono::milliseconds renewal_turn{1'000};
};

}  // namespace latchkey::kms
