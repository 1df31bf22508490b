// Whoever lends data keys: a Latchkey server, however it is reached.
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
  std::shared_ptr<const envelope::DataKey> key;  // wiped when the last holder lets go
  Uuid compartment;                              // what its ciphertexts are bound to
  AgeTime asked_at;
  AgeTime ends_at;                                            // from here on it may not be used: ask again
  std::optional<std::string> external_key_id = std::nullopt;  // absent: the platform's own root key wraps it
  // How often to ask whether it still holds while it is used; absent where the lender is not to be asked that.
  std::optional<std::chrono::milliseconds> check_after = std::nullopt;
};

class KeyLender {
 public:
  KeyLender() = default;
  KeyLender(const KeyLender&) = delete;
  KeyLender& operator=(const KeyLender&) = delete;
  virtual ~KeyLender() = default;
  // The workspace's key for new data. Blocking; thread-safe. Unavailable where the server cannot be reached or cannot
  // reach the customer's key; every other error is a refusal.
  [[nodiscard]] virtual Result<LeasedKey> active_key() = 0;
  // The workspace's key of that id, as a ciphertext names it. NotFound where there is none.
  [[nodiscard]] virtual Result<LeasedKey> key(const RawId& id) = 0;
  // Whether what was lent of that key still holds: a quick call, with no secret in its answer. NotFound where the
  // lender does not know, and the key is to be asked for again; else errors as above.
  [[nodiscard]] virtual Result<void> check(const RawId& id) = 0;
};

// The paths under a server's URL that lend (docs/api.md).
[[nodiscard]] std::string active_key_path(std::string_view workspace_id);
[[nodiscard]] std::string key_path(std::string_view workspace_id, const RawId& id);
// And the one that tells whether a lease holds.
[[nodiscard]] std::string lease_path(std::string_view workspace_id, const RawId& id);

// Reads the answer of such a call, which was asked for at `asked_at`, and wipes it. The lease counts from then, by
// Clock::age_time, so that it is never too long. Unavailable where it is not understood.
[[nodiscard]] Result<LeasedKey> read_leased_key(std::string& body, AgeTime asked_at);

}  // namespace latchkey::library
