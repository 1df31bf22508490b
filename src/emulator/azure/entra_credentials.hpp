// Does the caller hold a credential of this application? Secrets, certificate assertions (RFC 7523) and tokens of other
// issuers that a federated credential names. Pure but for the memory of assertions seen.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "emulator/azure/entra_errors.hpp"
#include "emulator/azure/model.hpp"

namespace latchkey::emulator::azure {

// Remembers the ids of assertions until they expire. Thread-safe.
class AssertionMemory {
 public:
  // False where `id` was seen with another assertion, or, with `once`, at all.
  [[nodiscard]] bool admit(const std::string& id, const std::string& assertion, Seconds expires, Seconds now,
                           bool once);

 private:
  struct Seen {
    std::string digest;
    Seconds expires = 0;
  };
  std::mutex mutex_;
  std::map<std::string, Seen> seen_;
};

struct AssertionCheck {
  const Model& model;
  const Application& app;
  // The URLs that an assertion signed with the application's own certificate may name as audience.
  std::vector<std::string> audiences;
  Seconds now = 0;
  bool once = false;
};

[[nodiscard]] std::optional<EntraRefusal> check_secret(const Application& app, std::string_view secret, Seconds now);
[[nodiscard]] std::optional<EntraRefusal> check_assertion(const AssertionCheck& check, const std::string& assertion,
                                                          AssertionMemory& memory);

}  // namespace latchkey::emulator::azure
