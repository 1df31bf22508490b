// Limits how many operations a vault does in ten seconds, as Microsoft publishes it for each kind of key ("Azure Key
// Vault service limits"); its subscription has five times as many.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/mutex.hpp"

namespace latchkey::clouds::azure::emulator {

struct ThrottleLimits {
  bool enabled = true;
  // Operations that count 1: RSA-2048 and EC. One of RSA-3072 counts 4, of RSA-4096 8.
  unsigned software = 4000;
  unsigned hsm = 2000;
  unsigned software_creates = 20;
  unsigned hsm_creates = 10;
  // Real vaults were also seen to refuse without the header.
  bool sends_retry_after = true;
};

struct Charge {
  bool creates = false;
  bool hsm = false;
  unsigned weight = 1;
};

// Thread-safe. A window follows the clock that its calls bring, and begins with the first call after the last window.
class Throttle {
 public:
  explicit Throttle(ThrottleLimits limits) : limits_(limits) {}
  // Counts the call. Where it is one too many, it is not counted, and the function returns the whole seconds until the
  // window ends.
  [[nodiscard]] std::optional<unsigned> charge(const std::string& vault, const std::string& subscription,
                                               const Charge& charge, Timestamp now);
  [[nodiscard]] bool sends_retry_after() const { return limits_.sends_retry_after; }

 private:
  struct Window {
    Timestamp begun{};
    std::uint64_t used = 0;
  };
  [[nodiscard]] std::uint64_t limit_of(const Charge& charge) const;

  ThrottleLimits limits_;
  Mutex mutex_;
  std::map<std::string, Window> windows_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::clouds::azure::emulator
