// What every emulated service stands on.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "clouds/azure/emulator/audit.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/state.hpp"
#include "clouds/azure/emulator/throttle.hpp"
#include "clouds/azure/emulator/vault/key_rules.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

struct Rules {
  DisabledKeyRule disabled_key = DisabledKeyRule::RefusesEverything;
  ThrottleLimits throttle;
  // How long a key is neither here nor there while it is deleted or recovered; Azure's own takes seconds.
  std::chrono::seconds deletion_delay{0};
  // Whether Entra takes one client assertion once only. Azure's libraries reuse theirs until it expires.
  bool assertions_once = false;
};

// How long a change takes to hold; Azure's own take minutes. May be changed while the emulator runs.
struct Delays {
  std::atomic<Seconds> roles{0};    // role assignments that were made or removed
  std::atomic<Seconds> network{0};  // a vault's firewall
};

// All references outlive the services.
struct Cloud {
  State& state;
  AuditLog& audit;
  const Clock& clock;          // the cloud's own, which its users may move
  const Clock& machine_clock;  // by which those outside it date what they sign
  RandomSource& random;
  Rules rules;
  Delays& delays;
  RsaKeySource new_rsa_key;
  // The address that a request is held to come from; network rules and audit see this one.
  std::function<std::string(const http::RequestHead&)> client_address;
  // Called after vaults came or went, so that each has its port.
  std::function<void()> vaults_changed;
};

}  // namespace latchkey::clouds::azure::emulator
