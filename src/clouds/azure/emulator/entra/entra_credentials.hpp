// Checks that the caller holds a credential of the application: a secret, a certificate assertion (RFC 7523), or a
// token of another issuer that a federated credential names. Pure but for the memory of the assertions that were used.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "clouds/azure/emulator/entra/entra_errors.hpp"
#include "clouds/azure/emulator/model.hpp"

namespace latchkey::clouds::azure::emulator {

// Remembers the ids of assertions until they expire. Thread-safe.
class AssertionMemory {
 public:
  // False where `id` was seen with another assertion, or, with `once`, at all. When the memory is full, a new id is not
  // remembered, or, with `once`, refused.
  [[nodiscard]] bool admit(const std::string& id, const std::string& assertion, Seconds expires, Seconds now,
                           bool once);

 private:
  struct Seen {
    std::string digest;
    Seconds expires = 0;
  };
  Mutex mutex_;
  std::map<std::string, Seen> seen_ LATCHKEY_GUARDED_BY(mutex_);
};

struct AssertionCheck {
  const Model& model;
  const Application& app;
  // The audiences that an assertion signed with the application's own certificate may have, as normal_audience()
  // returns them.
  std::vector<std::string> audiences;
  Seconds now = 0;
  bool once = false;
};

// An audience's URL in the form in which it is compared: in lower case, without query, doubled slashes, a slash at its
// end or the port 443. Older libraries name the URL that they post to, with its "?api-version=1.0".
[[nodiscard]] std::string normal_audience(std::string_view url);

// The endpoint at which a token is requested.
struct AssertionAddress {
  std::string tenant;  // as in the request's path
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
