// Latchkey as the customer's admin sees it: the Admin API's calls of the guide's steps 5 to 7. An interface, so that
// the steps can be tested without a server.
#pragma once

#include <string>
#include <vector>

#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer {

struct RegisteredKey {
  std::string id;  // ekey_...
  std::string vault_uri;
  std::string key_name;
  std::string tenant_id;
  bool attached = false;
};

struct Validation {
  bool succeeded = false;
  std::string error;  // Latchkey's words for what is wrong
};

// Errors of all: Unauthenticated, PermissionDenied and the like for refusals, Unavailable where no server answers.
class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  virtual ~Platform() = default;
  // The Azure keys of the organisation.
  [[nodiscard]] virtual Result<std::vector<RegisteredKey>> keys() = 0;
  [[nodiscard]] virtual Result<RegisteredKey> add_key(const std::string& display_name, const RegisteredKey& key) = 0;
  // Changes where a registered key that no workspace uses is.
  [[nodiscard]] virtual Result<RegisteredKey> change_key(const RegisteredKey& key) = 0;
  [[nodiscard]] virtual Result<Validation> validate(const std::string& id) = 0;
  // The key that is attached to the workspace; empty where there is none.
  [[nodiscard]] virtual Result<std::string> key_of_workspace(const std::string& workspace) = 0;
  // For good.
  [[nodiscard]] virtual Result<void> attach(const std::string& workspace, const std::string& id) = 0;
};

// Whether `key` is the one that `target` means, whatever its tenant.
[[nodiscard]] bool is_registration_of(const RegisteredKey& key, const Target& target);

// Has the platform wrap and unwrap, where the key is registered. `platform`: null where there is no admin key to ask
// with. Asks nothing, and says why, where the registration is of another tenant or vault.
[[nodiscard]] RoundTrip try_round_trip(Platform* platform, const CustomerState& state);

}  // namespace latchkey::clouds::azure::customer
