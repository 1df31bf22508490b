// Where leases of data keys come from: a Latchkey server, however it is reached.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/result.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::library {

struct LeasedKey {
  std::shared_ptr<const envelope::DataKey> key;  // wiped when its last holder releases it
  Uuid compartment;                              // its ciphertexts are bound to it
  AgeTime asked_at;
  AgeTime ends_at;                                            // from then on nobody may use the key: ask for it again
  std::optional<std::string> external_key_id = std::nullopt;  // absent: the platform's own root key wraps it
  // How often to check that the lease still holds, while the key is in use; absent where the source offers no such
  // check.
  std::optional<std::chrono::milliseconds> check_after = std::nullopt;
};

class LeaseSource {
 public:
  LeaseSource() = default;
  LeaseSource(const LeaseSource&) = delete;
  LeaseSource& operator=(const LeaseSource&) = delete;
  virtual ~LeaseSource() = default;
  // Leases the workspace's key for new data. Blocking; thread-safe. Unavailable where the server cannot be reached or
  // cannot reach the customer's key; every other error is a refusal.
  [[nodiscard]] virtual Result<LeasedKey> active_key() = 0;
  // Leases the workspace's key of that id, as a ciphertext names it. NotFound where there is none.
  [[nodiscard]] virtual Result<LeasedKey> key(const RawId& id) = 0;
  // Checks that the lease of that key still holds: a quick call, with no secret in its response. NotFound where the
  // source does not know of the lease: ask for the key again. Other errors as above.
  [[nodiscard]] virtual Result<void> check(const RawId& id) = 0;
};

// The paths below a server's URL that lease a data key (docs/api.md).
[[nodiscard]] std::string active_key_path(std::string_view workspace_id);
[[nodiscard]] std::string key_path(std::string_view workspace_id, const RawId& id);
// The path that tells whether a lease still holds.
[[nodiscard]] std::string lease_path(std::string_view workspace_id, const RawId& id);

// Reads the response of a call that leases a key and was sent at `asked_at`, and wipes it. The lease begins at
// `asked_at`, by Clock::age_time, so that it is never too long. Unavailable where the response is not understood.
[[nodiscard]] Result<LeasedKey> read_leased_key(std::string& body, AgeTime asked_at);

}  // namespace latchkey::library
