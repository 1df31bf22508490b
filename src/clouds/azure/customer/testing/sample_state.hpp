// The state of a customer who did everything right; a test changes one thing at a time.
#pragma once

#include "clouds/azure/customer/customer_state.hpp"

namespace latchkey::clouds::azure::customer::testing {

inline constexpr std::string_view kTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
inline constexpr std::string_view kPrincipal = "11111111-2222-4333-8444-555555555555";
inline const std::string kSubscriptionScope = "/subscriptions/0f0e0d0c-0b0a-4908-8706-050403020100";
inline const std::string kGroupScope = kSubscriptionScope + "/resourceGroups/security";
inline const std::string kVaultId = kGroupScope + "/providers/Microsoft.KeyVault/vaults/contoso";

inline Role service_encryption_user() {
  return {
      kSubscriptionScope + "/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6",
      "Key Vault Crypto Service Encryption User",
      {"Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/wrap/action",
       "Microsoft.KeyVault/vaults/keys/unwrap/action"},
      {}};
}

inline Role crypto_user() {
  auto role = service_encryption_user();
  role.name = "Key Vault Crypto User";
  for (std::string_view verb : {"update", "backup", "encrypt", "decrypt", "sign", "verify"}) {
    role.data_actions.push_back("Microsoft.KeyVault/vaults/keys/" + std::string(verb) + "/action");
  }
  return role;
}

inline Grant grant_of(Role role, const std::string& scope) {
  auto id = scope + "/providers/Microsoft.Authorization/roleAssignments/aaaaaaaa-0000-4000-8000-000000000000";
  auto role_id = role.id;
  return {{id, scope, role_id, std::string(kPrincipal), {}}, std::move(role)};
}

inline CustomerState good_state() {
  CustomerState state;
  state.target.vault_name = "contoso";
  state.target.key_name = "cmek";
  state.now = parse_timestamp("2026-03-01T12:00:00Z").value();
  state.subscription_id = kSubscriptionScope.substr(kSubscriptionScope.rfind('/') + 1);
  state.subscription_tenant = kTenant;
  Vault vault;
  vault.id = kVaultId;
  vault.name = "contoso";
  vault.location = "eastus";
  vault.sku = "standard";
  vault.tenant_id = kTenant;
  vault.uri = "https://contoso.vault.azure.net/";
  vault.provisioning_state = "Succeeded";
  vault.rbac = true;
  vault.purge_protection = true;
  vault.soft_delete_days = 90;
  vault.public_access = "Enabled";
  state.vault = vault;
  VaultKey key;
  key.id = "https://contoso.vault.azure.net/keys/cmek/0123456789abcdef0123456789abcdef";
  key.type = "RSA";
  key.bits = 3072;
  key.operations = {"wrapKey", "unwrapKey"};
  key.enabled = true;
  state.key = key;
  state.holds_only_this_key = false;
  Principal principal{std::string(kPrincipal), state.target.app.client_id, state.target.app.display_name, true};
  state.principal = principal;
  state.similar_apps = std::vector<Principal>{principal};
  state.grants = std::vector<Grant>{grant_of(service_encryption_user(), kVaultId + "/keys/cmek")};
  state.diagnostics = std::vector<DiagnosticSetting>{{"audit", true, kGroupScope + "/workspaces/siem"}};
  state.round_trip = {RoundTrip::Outcome::Succeeded, "wrapped and unwrapped", ""};
  return state;
}

}  // namespace latchkey::clouds::azure::customer::testing
