// Clients of the three APIs that the customer's side of the guide needs: Graph (the app), Resource Manager (vault,
// roles, diagnostics) and the vault itself (the key). Each method sends one call or reads one list; errors are those of
// Rest.
#pragma once

#include "clouds/azure/customer/model.hpp"
#include "clouds/azure/customer/rest.hpp"

namespace latchkey::clouds::azure::customer {

// Microsoft Graph v1.0, servicePrincipals.
class Graph {
 public:
  Graph(Rest::Tools tools, const Cloud& cloud, const std::string& tenant, Rest::Observer observer = {});

  // Absent where the tenant has not consented to the app.
  [[nodiscard]] Result<std::optional<Principal>> find(const std::string& app_id);
  // Conflict where it is there already.
  [[nodiscard]] Result<Principal> consent(const std::string& app_id);
  // The service principals whose display name begins so, in any case.
  [[nodiscard]] Result<std::vector<Principal>> named(const std::string& prefix);
  [[nodiscard]] unsigned last_status() const { return rest_.last_status(); }

 private:
  Rest rest_;
  std::string root_;
};

// Azure Resource Manager: subscriptions 2022-12-01, resources 2021-04-01, Microsoft.KeyVault 2022-07-01,
// Microsoft.Authorization 2022-04-01, Microsoft.Insights 2021-05-01-preview.
class ResourceManager {
 public:
  ResourceManager(Rest::Tools tools, const Cloud& cloud, Rest::Observer observer = {});

  [[nodiscard]] Result<std::vector<Subscription>> subscriptions();
  [[nodiscard]] Result<std::vector<VaultName>> vaults(const std::string& subscription);
  [[nodiscard]] Result<Vault> vault(const std::string& id);
  [[nodiscard]] Result<Vault> put_vault(const std::string& id, const boost::json::object& body);
  [[nodiscard]] Result<Vault> patch_vault(const std::string& id, const boost::json::object& body);
  [[nodiscard]] Result<bool> has_group(const std::string& subscription, const std::string& group);
  [[nodiscard]] Result<void> put_group(const std::string& subscription, const std::string& group,
                                       const std::string& location);
  // The assignments of that principal, at the scope and above it.
  [[nodiscard]] Result<std::vector<RoleAssignment>> assignments(const std::string& scope, const std::string& principal);
  [[nodiscard]] Result<Role> role(const std::string& id);
  // NotFound where no role has that name.
  [[nodiscard]] Result<Role> role_named(const std::string& scope, const std::string& name);
  // Conflict where it is there already. `assignment` is a UUID of the caller's choosing.
  [[nodiscard]] Result<void> assign(const std::string& scope, const std::string& assignment, const std::string& role_id,
                                    const std::string& principal, const std::string& principal_type);
  [[nodiscard]] Result<std::vector<DiagnosticSetting>> diagnostics(const std::string& vault_id);
  [[nodiscard]] Result<void> put_diagnostics(const std::string& vault_id, const std::string& name,
                                             const boost::json::object& body);
  [[nodiscard]] unsigned last_status() const { return rest_.last_status(); }

 private:
  [[nodiscard]] std::string url(const std::string& id, std::string_view version) const;
  Rest rest_;
  std::string root_;
};

// Key Vault's keys, 7.4.
class VaultKeys {
 public:
  // Checks that `vault_uri` is of the cloud's own kind, because a token is sent there.
  [[nodiscard]] static Result<VaultKeys> create(Rest::Tools tools, const Cloud& cloud, const std::string& tenant,
                                                const std::string& vault_uri, Rest::Observer observer = {});

  // The key's newest version. NotFound where there is no such key.
  [[nodiscard]] Result<VaultKey> get(const std::string& name);
  // True where the vault holds no other key than `name`.
  [[nodiscard]] Result<bool> holds_only(const std::string& name);
  // Makes a key of type RSA or RSA-HSM, for wrapKey and unwrapKey alone. An existing key gets a new version.
  [[nodiscard]] Result<VaultKey> make(const std::string& name, const std::string& type, unsigned bits);
  [[nodiscard]] Result<VaultKey> set_enabled(const std::string& name, bool enabled);
  [[nodiscard]] unsigned last_status() const { return rest_.last_status(); }

 private:
  VaultKeys(Rest rest, std::string root);
  [[nodiscard]] std::string url(const std::string& path) const;
  Rest rest_;
  std::string root_;
};

}  // namespace latchkey::clouds::azure::customer
