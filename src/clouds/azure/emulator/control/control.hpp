// The emulator's own API, under /_emulator/: the audit log always; faults, the clock, delays and Conditional Access
// where control is enabled. Nothing here exists in Azure.
#pragma once

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/control/faults.hpp"
#include "clouds/azure/emulator/moved_clock.hpp"

namespace latchkey::clouds::azure::emulator {

// All references must outlive it. Thread-safe.
class Control {
 public:
  Control(Cloud& cloud, FaultBoard& faults, MovedClock& clock, bool enabled)
      : cloud_(cloud), faults_(faults), clock_(clock), enabled_(enabled) {}

  // Handles a request whose path begins with /_emulator.
  [[nodiscard]] http::Response handle(const http::Request& request);

 private:
  [[nodiscard]] Outcome<http::Response> respond(const http::Request& request);
  [[nodiscard]] Outcome<http::Response> audit(const http::Request& request) const;
  [[nodiscard]] Outcome<http::Response> faults(const http::Request& request);
  [[nodiscard]] Outcome<http::Response> remove_fault(const http::Request& request, const std::string& id);
  [[nodiscard]] Outcome<http::Response> conditional_access(const http::Request& request, const std::string& id);
  [[nodiscard]] Outcome<http::Response> clock(const http::Request& request);
  [[nodiscard]] Outcome<http::Response> delays(const http::Request& request);

  Cloud& cloud_;
  FaultBoard& faults_;
  MovedClock& clock_;
  bool enabled_;
};

}  // namespace latchkey::clouds::azure::emulator
