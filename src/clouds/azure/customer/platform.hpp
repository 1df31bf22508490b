// Latchkey as the customer's admin uses it: the Admin API's calls of the guide's steps 5 to 7. An interface, so that
// tests of the steps need no server.
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

// Errors of all functions: Unauthenticated, PermissionDenied and the like for refusals, Unavailable where no server
// responds.
class Platform {
 public:
  Platform() = default;
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;
  virtual ~Platform() = default;
  // The organisation's keys in Azure.
  [[nodiscard]] virtual Result<std::vector<RegisteredKey>> keys() = 0;
  [[nodiscard]] virtual Result<RegisteredKey> add_key(const std::string& display_name, const RegisteredKey& key) = 0;
  // Changes the location of a registered key that no workspace uses.
  [[nodiscard]] virtual Result<RegisteredKey> change_key(const RegisteredKey& key) = 0;
  [[nodiscard]] virtual Result<Validation> validate(const std::string& id) = 0;
  // The key that is attached to the workspace; empty where there is none.
  [[nodiscard]] virtual Result<std::string> key_of_workspace(const std::string& workspace) = 0;
  // Attaches the key to the workspace, which cannot be undone.
  [[nodiscard]] virtual Result<void> attach(const std::string& workspace, const std::string& id) = 0;
};

// True where `key` has the vault and the name of `target`, whatever its tenant.
[[nodiscard]] bool is_registration_of(const RegisteredKey& key, const Target& target);

// Has the platform wrap and unwrap with the key, where it is registered. `platform` is null where there is no admin key
// to call it with. Where the registration is of another tenant or vault, it calls nothing and says why.
[[nodiscard]] RoundTrip try_round_trip(Platform* platform, const CustomerState& state);

}  // namespace latchkey::clouds::azure::customer
