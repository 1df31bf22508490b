// The state of the customer's side, looked up and not yet judged. A field that could not be looked up is an Error;
// NotFound alone means that the thing does not exist.
#pragma once

#include <string>
#include <vector>

#include "clouds/azure/customer/cloud.hpp"
#include "clouds/azure/customer/model.hpp"

namespace latchkey::clouds::azure::customer {

// The platform's app, as its provider publishes it (the guide, "Anthropic app information"), and the addresses that its
// calls come from.
struct PublishedApp {
  std::string client_id = "8635ae1a-3e5d-44e8-a4ed-e0f614466f87";
  std::string display_name = "anthropic-cmek-client-us";
  std::vector<std::string> egress_ranges = {"160.79.104.0/21"};
};

// The key that is meant, and its vault; the names have been checked.
struct Target {
  Cloud cloud = public_cloud();
  std::string vault_name;
  std::string key_name;
  PublishedApp app;
  // "https://contoso.vault.azure.net/"
  [[nodiscard]] std::string vault_uri() const;
};

// A role that the app holds on the key, by its own assignment or one above.
struct Grant {
  RoleAssignment assignment;
  Role role;
};

struct RoundTrip {
  enum class Outcome { NotTried, Succeeded, Failed };
  Outcome outcome = Outcome::NotTried;
  std::string found;
  std::string cure;
};

[[nodiscard]] Error not_looked_up();

struct CustomerState {
  Target target;
  Timestamp now;
  std::string subscription_id;
  std::string subscription_tenant;
  Result<Vault> vault = not_looked_up();
  Result<VaultKey> key = not_looked_up();
  // Where the vault has no such key: other vaults of the subscription that hold a key of that name.
  std::vector<std::string> vaults_with_key;
  // True for a vault dedicated to this key.
  Result<bool> holds_only_this_key = not_looked_up();
  // NotFound: the tenant has not consented.
  Result<Principal> principal = not_looked_up();
  // Every service principal whose name begins like the published app's.
  Result<std::vector<Principal>> similar_apps = not_looked_up();
  Result<std::vector<Grant>> grants = not_looked_up();
  Result<std::vector<DiagnosticSetting>> diagnostics = not_looked_up();
  RoundTrip round_trip;
};

}  // namespace latchkey::clouds::azure::customer
