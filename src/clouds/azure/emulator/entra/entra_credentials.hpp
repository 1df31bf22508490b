// Does the caller hold a credential of this application? Secrets, certificate assertions (RFC 7523) and tokens of other
// issuers that a federated credential names. Pure but for the memory of assertions seen.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "clouds/azure/emulator/entra/entra_errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// Remembers the ids of assertions until they expire. Thread-safe.
class AssertionMemory {
 public:
  // False where `id` was seen with another assertion, or, with `once`, at all. A full memory forgets newcomers, or,
  // with `once`, turns them away.
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
  // Whom an assertion signed with the application's own certificate may be for, as normal_audience() gives them.
  std::vector<std::string> audiences;
  Seconds now = 0;
  bool once = false;
};

// An audience's URL as it is compared: in lower case, without query, doubled slashes, the slash at its end and the port
// 443. Older libraries name the URL that they post to, "?api-version=1.0" included.
[[nodiscard]] std::string normal_audience(std::string_view url);

// Where a token is asked for.
struct AssertionAddress {
  std::string tenant;  // as the request's path has it
  std::string tenant_id;
  std::string domain;
  std::string local_origin;  // "https://127.0.0.1:8443"; empty at a public name
};
// The token endpoints of both versions and the tenant's issuers, at every name of the sign-in service. "common" is none
// of them: Entra refuses it.
[[nodiscard]] std::vector<std::string> assertion_audiences(const AssertionAddress& address);

[[nodiscard]] std::optional<EntraRefusal> check_secret(const Application& app, std::string_view secret, Seconds now);
[[nodiscard]] std::optional<EntraRefusal> check_assertion(const AssertionCheck& check, const std::string& assertion,
                                                          AssertionMemory& memory);

}  // namespace latchkey::clouds::azure::emulator
