#include "clouds/azure/emulator/rbac.hpp"

#include <gtest/gtest.h>

#include "clouds/azure/emulator/roles.hpp"

namespace latchkey::clouds::azure::emulator {
namespace {

constexpr std::string_view kWrap = "Microsoft.KeyVault/vaults/keys/wrap/action";
constexpr std::string_view kReadKey = "Microsoft.KeyVault/vaults/keys/read";
const std::string kSubscription = "/subscriptions/11111111-1111-4111-8111-111111111111";
const std::string kGroup = kSubscription + "/resourceGroups/rg";
const std::string kVault = kGroup + "/providers/Microsoft.KeyVault/vaults/v";
const std::string kKey = kVault + "/keys/k";

Model model_with(std::string_view role, const std::string& scope, Seconds created = 0) {
  Model model;
  model.role_assignments["a"] = {"a", scope, std::string(role), "Principal", "ServicePrincipal", "", created};
  return model;
}

bool data(const Model& model, const std::string& resource, std::string_view action, Seconds now = 100) {
  return is_allowed(model, {"principal", resource, action, Plane::Data, now});
}

TEST(Rbac, DeniesByDefault) {
  EXPECT_FALSE(data(Model{}, kKey, kWrap));
}

TEST(Rbac, InheritsDownwardAndNeverUpward) {
  struct Case {
    std::string scope, resource;
    bool allowed;
  };
  const Case cases[] = {
      {kKey, kKey, true},
      {kVault, kKey, true},
      {kGroup, kKey, true},
      {kSubscription, kKey, true},
      {"/", kKey, true},
      {kKey, kKey + "/0123", true},
      {kKey, kVault, false},
      {kKey, kVault + "/keys/k2", false},
      {kVault, kGroup + "/providers/Microsoft.KeyVault/vaults/v2/keys/k", false},
      // A name that begins with the other's is another name.
      {kVault, kVault + "2/keys/k", false},
      {kGroup + "/", kKey, true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(data(model_with(kCryptoUserRole, c.scope), c.resource, kWrap), c.allowed) << c.scope << " " << c.resource;
  }
}

TEST(Rbac, ComparesScopesAndPrincipalsInAnyCase) {
  auto model = model_with(kCryptoUserRole, upper(kKey));
  EXPECT_TRUE(is_allowed(model, {"PRINCIPAL", lower(kKey), kWrap, Plane::Data, 100}));
  EXPECT_FALSE(is_allowed(model, {"another", lower(kKey), kWrap, Plane::Data, 100}));
}

TEST(Rbac, RolesAllowWhatTheirDefinitionsSay) {
  struct Case {
    std::string_view role, action;
    Plane plane;
    bool allowed;
  };
  constexpr std::string_view kOfficer = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603";
  constexpr std::string_view kServiceEncryption = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
  constexpr std::string_view kVaultReader = "21090545-7ca7-4776-b22c-e363652d74d2";
  constexpr std::string_view kContributor = "f25e0fa2-a7c8-4377-a976-54943a77a395";
  constexpr std::string_view kPurge = "Microsoft.KeyVault/locations/deletedVaults/purge/action";
  const Case cases[] = {
      {kCryptoUserRole, kWrap, Plane::Data, true},
      {kCryptoUserRole, kReadKey, Plane::Data, true},
      {kCryptoUserRole, "Microsoft.KeyVault/vaults/keys/update/action", Plane::Data, true},
      {kCryptoUserRole, "Microsoft.KeyVault/vaults/keys/delete", Plane::Data, false},
      {kCryptoUserRole, "Microsoft.KeyVault/vaults/keys/create/action", Plane::Data, false},
      {kServiceEncryption, "microsoft.keyvault/vaults/keys/unwrap/action", Plane::Data, true},
      {kServiceEncryption, "Microsoft.KeyVault/vaults/keys/decrypt/action", Plane::Data, false},
      {kServiceEncryption, "Microsoft.KeyVault/vaults/keys/update/action", Plane::Data, false},
      {kOfficer, "Microsoft.KeyVault/vaults/keys/purge/action", Plane::Data, true},
      {kOfficer, "Microsoft.KeyVault/vaults/secrets/getSecret/action", Plane::Data, false},
      {kVaultReader, kReadKey, Plane::Data, true},
      {kVaultReader, kWrap, Plane::Data, false},
      // "Microsoft.KeyVault/vaults/*/read" is what lies beneath vaults, not the vault itself.
      {kVaultReader, "Microsoft.KeyVault/vaults/eventGridFilters/read", Plane::Control, true},
      {kVaultReader, "Microsoft.KeyVault/vaults/read", Plane::Control, false},
      {kVaultReader, "Microsoft.KeyVault/vaults/write", Plane::Control, false},
      {kVaultAdministratorRole, kWrap, Plane::Data, true},
      {kVaultAdministratorRole, "Microsoft.KeyVault/vaults/write", Plane::Control, false},
      // The control plane's owner has no way to the keys.
      {kOwnerRole, kWrap, Plane::Data, false},
      {kOwnerRole, "Microsoft.Authorization/roleAssignments/write", Plane::Control, true},
      {kContributor, "Microsoft.KeyVault/vaults/write", Plane::Control, true},
      {kContributor, kPurge, Plane::Control, false},
      {kContributor, kReadKey, Plane::Data, false},
  };
  for (const auto& c : cases) {
    auto model = model_with(c.role, kSubscription);
    EXPECT_EQ(is_allowed(model, {"principal", kKey, c.action, c.plane, 100}), c.allowed)
        << find_role(c.role)->name << " " << c.action;
  }
}

TEST(Rbac, ACustomersRoleTakesAwayWhatItsNotDataActionsName) {
  CustomRole role;
  role.id = "c0ffee00-0000-4000-8000-000000000001";
  role.data_actions = {"Microsoft.KeyVault/vaults/keys/*"};
  role.not_data_actions = {"Microsoft.KeyVault/vaults/keys/*/action"};
  auto model = model_with(upper(role.id), kVault);
  EXPECT_FALSE(data(model, kKey, kReadKey)) << "a role that is not there gives nothing";
  model.custom_roles[role.id] = role;
  EXPECT_TRUE(data(model, kKey, kReadKey));
  EXPECT_TRUE(data(model, kKey, "Microsoft.KeyVault/vaults/keys/delete"));
  EXPECT_FALSE(data(model, kKey, kWrap));
  EXPECT_FALSE(is_allowed(model, {"principal", kKey, kReadKey, Plane::Control, 100})) << "data actions are not actions";
  model.role_assignments["b"] = {"b", kKey, std::string(kCryptoUserRole), "principal", "ServicePrincipal", "", 0};
  EXPECT_TRUE(data(model, kKey, kWrap)) << "what one role takes away, another gives";
}

TEST(Rbac, AssignmentsHoldOnlyOnceTheyHavePropagated) {
  auto model = model_with(kCryptoUserRole, kKey, 50);
  EXPECT_FALSE(data(model, kKey, kWrap, 49));
  EXPECT_TRUE(data(model, kKey, kWrap, 50));
}

TEST(Rbac, DataAccessAdministratorAssignsVaultRolesOnly) {
  auto model = model_with("8b54135c-b56d-4d72-a534-26097cfdc8d8", kVault);
  AccessQuestion question{"principal", kKey, "Microsoft.Authorization/roleAssignments/write", Plane::Control, 100};
  EXPECT_TRUE(may_assign(model, question, kCryptoUserRole));
  EXPECT_FALSE(may_assign(model, question, kOwnerRole));
  EXPECT_TRUE(may_assign(model_with(kOwnerRole, kVault), question, kOwnerRole));
}

TEST(Wildcards, MatchAsRoleDefinitionsMeanThem) {
  EXPECT_TRUE(matches_wildcard("*", "anything/at/all"));
  EXPECT_TRUE(matches_wildcard("*/read", "Microsoft.KeyVault/vaults/read"));
  EXPECT_FALSE(matches_wildcard("*/read", "Microsoft.KeyVault/vaults/reader"));
  EXPECT_TRUE(matches_wildcard("A/*/b/*", "a/x/y/B/z"));
  EXPECT_FALSE(matches_wildcard("a/b", "a/b/c"));
  EXPECT_TRUE(matches_wildcard("**", ""));
  EXPECT_FALSE(matches_wildcard("", "a"));
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
