// The face of a vault, or of a managed HSM: firewall, token, permission, then the operation; headers and audit around
// all of it.
#pragma once

#include <string>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/throttle.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// Thread-safe. RSA and the disk are slow: not for I/O threads.
class KeyVault {
 public:
  explicit KeyVault(Cloud& cloud) : cloud_(cloud), throttle_(cloud.rules.throttle) {}
  [[nodiscard]] http::Response handle(const http::Request& request, const VaultName& name);

 private:
  struct Progress;
  [[nodiscard]] Outcome<http::Response> answer(const http::Request& request, Progress& progress);
  void record(const http::Request& request, const Progress& progress, const http::Response& response) const;

  Cloud& cloud_;
  Throttle throttle_;
};

// What a challenge names as resource for a vault at `authority`: clients check that its host is the vault's, or its
// parent.
[[nodiscard]] std::string challenge_resource(std::string_view authority, bool managed_hsm = false);

}  // namespace latchkey::clouds::azure::emulator
