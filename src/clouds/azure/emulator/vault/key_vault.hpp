// The API of a vault, or of a managed HSM. It checks firewall, token and permission, in this order, then does the
// operation; every call gets its headers and its line in the audit log.
#pragma once

#include <string>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/throttle.hpp"
#include "clouds/azure/emulator/tokens.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// Thread-safe. RSA and the disk are slow: do not call it on I/O threads.
class KeyVault {
 public:
  explicit KeyVault(Cloud& cloud) : cloud_(cloud), throttle_(cloud.rules.throttle) {}
  [[nodiscard]] http::Response handle(const http::Request& request, const VaultName& name);

 private:
  struct Progress;
  [[nodiscard]] Outcome<http::Response> respond(const http::Request& request, Progress& progress);
  void record(const http::Request& request, const Progress& progress, const http::Response& response) const;

  Cloud& cloud_;
  Throttle throttle_;
};

// The resource that a challenge names for a vault at `authority`. Clients check that the resource's host is the vault's
// or its parent domain.
[[nodiscard]] std::string challenge_resource(std::string_view authority, bool managed_hsm = false);

}  // namespace latchkey::clouds::azure::emulator
