// What all emulated services share: the state, the clocks, the settings and the audit log.
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
  // How long neither the key nor the deleted key can be seen after a delete or a recover; at Azure it takes seconds.
  std::chrono::seconds deletion_delay{0};
  // True: Entra accepts a client assertion only once. Azure's libraries reuse an assertion until it expires.
  bool assertions_once = false;
};

// How long a change takes to hold; at Azure it takes minutes. May be changed while the emulator runs.
struct Delays {
  std::atomic<Seconds> roles{0};    // role assignments that were made or removed
  std::atomic<Seconds> network{0};  // a vault's firewall
};

// All references must outlive the services.
struct Cloud {
  State& state;
  AuditLog& audit;
  const Clock& clock;          // the cloud's own, which its users may move
  const Clock& machine_clock;  // by which clients outside the cloud date what they sign
  RandomSource& random;
  Rules rules;
  Delays& delays;
  RsaKeySource new_rsa_key;
  // The address that a request counts as coming from; network rules and the audit log use it.
  std::function<std::string(const http::RequestHead&)> client_address;
  // Called after vaults were made or deleted, so that each vault has its port.
  std::function<void()> vaults_changed;
};

}  // namespace latchkey::clouds::azure::emulator
