#include "clouds/azure/emulator/roles.hpp"

#include "clouds/azure/emulator/text.hpp"

namespace latchkey::clouds::azure::emulator {

namespace {

using Actions = std::vector<std::string_view>;

// What the holders of vault roles may read of the control plane.
const Actions& reader_actions() {
  static const Actions actions = {"Microsoft.Authorization/*/read",
                                  "Microsoft.Insights/alertRules/*",
                                  "Microsoft.Resources/deployments/*",
                                  "Microsoft.Resources/subscriptions/resourceGroups/read",
                                  "Microsoft.Support/*",
                                  "Microsoft.KeyVault/checkNameAvailability/read",
                                  "Microsoft.KeyVault/deletedVaults/read",
                                  "Microsoft.KeyVault/locations/*/read",
                                  "Microsoft.KeyVault/vaults/*/read",
                                  "Microsoft.KeyVault/operations/read"};
  return actions;
}

std::vector<RoleDefinition> general_roles() {
  return {{kOwnerRole,
           "Owner",
           "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
           {"*"},
           {},
           {},
           {}},
          {"b24988ac-6180-42a0-ab88-20f7382dd24c",
           "Contributor",
           "Grants full access to manage all resources, but does not allow you to assign roles in Azure RBAC.",
           {"*"},
           {"Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action", "Microsoft.KeyVault/locations/deletedVaults/purge/action"},
           {},
           {}},
          {"acdd72a7-3385-48ef-bd42-f606fba81ae7",
           "Reader",
           "View all resources, but does not allow you to make any changes.",
           {"*/read"},
           {},
           {},
           {}},
          {"18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
           "User Access Administrator",
           "Lets you manage user access to Azure resources.",
           {"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"},
           {},
           {},
           {}},
          {"f58310d9-a9f6-439a-9e8d-f62e7b41a168",
           "Role Based Access Control Administrator",
           "Manage access to Azure resources by assigning roles using Azure RBAC.",
           {"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete", "*/read",
            "Microsoft.Support/*"},
           {},
           {},
           {}}};
}

std::vector<RoleDefinition> key_roles() {
  return {{kVaultAdministratorRole,
           "Key Vault Administrator",
           "Perform all data plane operations on a key vault and all objects in it.",
           reader_actions(),
           {},
           {"Microsoft.KeyVault/vaults/*"},
           {}},
          {"14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
           "Key Vault Crypto Officer",
           "Perform any action on the keys of a key vault, except manage permissions.",
           reader_actions(),
           {},
           {"Microsoft.KeyVault/vaults/keys/*", "Microsoft.KeyVault/vaults/keyrotationpolicies/*"},
           {}},
          {kCryptoUserRole,
           "Key Vault Crypto User",
           "Perform cryptographic operations using keys.",
           {},
           {},
           {"Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/update/action",
            "Microsoft.KeyVault/vaults/keys/backup/action", "Microsoft.KeyVault/vaults/keys/encrypt/action",
            "Microsoft.KeyVault/vaults/keys/decrypt/action", "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action", "Microsoft.KeyVault/vaults/keys/sign/action",
            "Microsoft.KeyVault/vaults/keys/verify/action"},
           {}},
          {"e147488a-f6f5-4113-8e2d-b22465e65bf6",
           "Key Vault Crypto Service Encryption User",
           "Read metadata of keys and perform wrap/unwrap operations.",
           {"Microsoft.EventGrid/eventSubscriptions/write", "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/delete"},
           {},
           {"Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action"},
           {}},
          {"08bbd89e-9f13-488c-ac41-acfcb10c90ab",
           "Key Vault Crypto Service Release User",
           "Release keys.",
           {},
           {},
           {"Microsoft.KeyVault/vaults/keys/release/action"},
           {}},
          {"21090545-7ca7-4776-b22c-e363652d74d2",
           "Key Vault Reader",
           "Read metadata of key vaults and its certificates, keys, and secrets.",
           reader_actions(),
           {},
           {"Microsoft.KeyVault/vaults/*/read", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"},
           {}}};
}

std::vector<RoleDefinition> secret_and_certificate_roles() {
  return {
      {"4633458b-17de-408a-b874-0445c86b69e6",
       "Key Vault Secrets User",
       "Read secret contents.",
       {},
       {},
       {"Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"},
       {}},
      {"b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
       "Key Vault Secrets Officer",
       "Perform any action on the secrets of a key vault, except manage permissions.",
       reader_actions(),
       {},
       {"Microsoft.KeyVault/vaults/secrets/*"},
       {}},
      {"a4417e6f-fecd-4de8-b567-7b0420556985",
       "Key Vault Certificates Officer",
       "Perform any action on the certificates of a key vault, except manage permissions.",
       reader_actions(),
       {},
       {"Microsoft.KeyVault/vaults/certificatecas/*", "Microsoft.KeyVault/vaults/certificates/*",
        "Microsoft.KeyVault/vaults/certificatecontacts/write"},
       {}},
      {"db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
       "Key Vault Certificate User",
       "Read certificate contents.",
       {},
       {},
       {"Microsoft.KeyVault/vaults/certificates/read", "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action", "Microsoft.KeyVault/vaults/keys/read"},
       {}}};
}

std::vector<RoleDefinition> control_roles() {
  return {
      {"a68e7c17-0ab2-4c09-9a58-125dae29748c",
       "Key Vault Purge Operator",
       "Allows permanent deletion of soft-deleted vaults.",
       {"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*", "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.KeyVault/deletedVaults/read",
        "Microsoft.KeyVault/locations/deletedVaults/read", "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "Microsoft.KeyVault/locations/operationResults/read"},
       {},
       {},
       {}},
      {"8b54135c-b56d-4d72-a534-26097cfdc8d8",
       "Key Vault Data Access Administrator",
       "Manage access to Azure Key Vault by adding or removing role assignments for the Key Vault data roles.",
       {"Microsoft.Authorization/roleAssignments/write", "Microsoft.Authorization/roleAssignments/delete",
        "Microsoft.Authorization/*/read", "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Resources/subscriptions/read",
        "Microsoft.Management/managementGroups/read", "Microsoft.KeyVault/vaults/*/read", "Microsoft.Support/*"},
       {},
       {},
       {kVaultAdministratorRole, "14b46e9e-c2b7-41b4-b07b-48a6ebf60603", kCryptoUserRole,
        "e147488a-f6f5-4113-8e2d-b22465e65bf6", "08bbd89e-9f13-488c-ac41-acfcb10c90ab",
        "21090545-7ca7-4776-b22c-e363652d74d2", "4633458b-17de-408a-b874-0445c86b69e6",
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "a4417e6f-fecd-4de8-b567-7b0420556985",
        "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba"}},
      {"f25e0fa2-a7c8-4377-a976-54943a77a395",
       "Key Vault Contributor",
       "Lets you manage key vaults, but not access to them.",
       {"Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/*", "Microsoft.KeyVault/*",
        "Microsoft.Resources/deployments/*", "Microsoft.Resources/subscriptions/resourceGroups/read",
        "Microsoft.Support/*"},
       {"Microsoft.KeyVault/locations/deletedVaults/purge/action", "Microsoft.KeyVault/hsmPools/*",
        "Microsoft.KeyVault/managedHsms/*"},
       {},
       {}}};
}

std::vector<RoleDefinition> all_roles() {
  auto roles = general_roles();
  for (auto more : {key_roles(), secret_and_certificate_roles(), control_roles()}) {
    roles.insert(roles.end(), more.begin(), more.end());
  }
  return roles;
}

}  // namespace

std::span<const RoleDefinition> built_in_roles() {
  static const std::vector<RoleDefinition> roles = all_roles();
  return roles;
}

std::optional<RoleDefinition> find_role(const Model& model, std::string_view id) {
  if (const auto* role = find_role(id); role != nullptr) return *role;
  auto custom = model.custom_roles.find(lower(id));
  if (custom == model.custom_roles.end()) return std::nullopt;
  return view_of(custom->second);
}

RoleDefinition view_of(const CustomRole& role) {
  auto views = [](const std::vector<std::string>& texts) {
    return std::vector<std::string_view>(texts.begin(), texts.end());
  };
  RoleDefinition view;
  view.id = role.id;
  view.name = role.name;
  view.description = role.description;
  view.actions = views(role.actions);
  view.not_actions = views(role.not_actions);
  view.data_actions = views(role.data_actions);
  view.not_data_actions = views(role.not_data_actions);
  view.assignable_scopes = views(role.assignable_scopes);
  view.is_custom = true;
  return view;
}

const RoleDefinition* find_role(std::string_view id) {
  for (const auto& role : built_in_roles()) {
    if (same(role.id, id)) return &role;
  }
  return nullptr;
}

}  // namespace latchkey::clouds::azure::emulator
