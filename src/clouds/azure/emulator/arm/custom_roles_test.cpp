#include "clouds/azure/emulator/testing/vault_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

constexpr const char* kRole = "c0ffee00-0000-4000-8000-000000000001";

class CustomRoles : public VaultTest {
 protected:
  void SetUp() override {
    start_bare();
    subscription_ = "/subscriptions/" + cloud_.subscription_id;
  }
  Reply put(json::object properties, const std::string& id = kRole) {
    return arm("PUT", subscription_ + "/providers/Microsoft.Authorization/roleDefinitions/" + id,
               json::object{{"properties", std::move(properties)}}, "2022-04-01");
  }
  json::object wrapper(json::array scopes) {
    return {{"roleName", "Only wrap"},
            {"description", "Wraps, and no more"},
            {"type", "CustomRole"},
            {"permissions",
             json::array{json::object{{"actions", json::array()},
                                      {"dataActions", {"Microsoft.KeyVault/vaults/keys/*/action"}},
                                      {"notDataActions", {"Microsoft.KeyVault/vaults/keys/unwrap/action"}}}}},
            {"assignableScopes", std::move(scopes)}};
  }
  std::string subscription_;
};

TEST_F(CustomRoles, DecideLikeAzuresOwn) {
  auto made = put(wrapper({cloud_.vault_resource_id}));
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.text("properties.type"), "CustomRole");
  create("k1");
  auto service = make_service("worker");
  auto token = token_of(service, "https://vault.azure.net");
  auto name = new_guid(random_);
  auto assigned = assign_role(cloud_.vault_resource_id + "/keys/k1", kRole, service.principal_id, name);
  ASSERT_EQ(assigned.status, 201U) << assigned.body;
  json::object body{{"alg", "RSA-OAEP-256"}, {"value", "AAAA"}};
  EXPECT_EQ(vault("POST", "keys/k1/wrapkey", body, token).status, 200U);
  EXPECT_EQ(vault("POST", "keys/k1/unwrapkey", body, token).inner(), "ForbiddenByRbac");
  EXPECT_EQ(vault("GET", "keys/k1", nullptr, token).inner(), "ForbiddenByRbac");

  auto definition = subscription_ + "/providers/Microsoft.Authorization/roleDefinitions/" + kRole;
  EXPECT_EQ(arm("DELETE", definition, nullptr, "2022-04-01").code(), "RoleDefinitionHasAssignments");
  stop();
  start_bare();
  token = token_of(service, "https://vault.azure.net");
  EXPECT_EQ(vault("POST", "keys/k1/wrapkey", body, token).status, 200U) << "it outlives a restart";
  EXPECT_EQ(
      arm("DELETE", cloud_.vault_resource_id + "/keys/k1/providers/Microsoft.Authorization/roleAssignments/" + name,
          nullptr, "2022-04-01")
          .status,
      200U);
  EXPECT_EQ(arm("DELETE", definition, nullptr, "2022-04-01").status, 200U);
  EXPECT_EQ(arm("GET", definition, nullptr, "2022-04-01").status, 404U);
}

TEST_F(CustomRoles, AreListedAndAssignedWithinTheirScopes) {
  auto vault_id = make_vault("other-vault");
  ASSERT_EQ(put(wrapper({vault_id})).status, 201U);
  auto listed = [&](const std::string& scope) {
    auto reply =
        arm("GET", scope + "/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName%20eq%20'Only%20wrap'",
            nullptr, "2022-04-01");
    EXPECT_EQ(reply.status, 200U) << reply.body;
    return reply.at("value")->get_array().size();
  };
  EXPECT_EQ(listed(vault_id), 1U);
  EXPECT_EQ(listed(subscription_), 1U);
  EXPECT_EQ(listed(cloud_.vault_resource_id), 0U);
  EXPECT_EQ(assign_role(cloud_.vault_resource_id, kRole, admin_object_id(), new_guid(random_)).code(),
            "RoleDefinitionDoesNotExist");
}

TEST_F(CustomRoles, RefusesBadDefinitions) {
  auto without = [&](const char* name) {
    auto role = wrapper({subscription_});
    role.erase(name);
    return role;
  };
  EXPECT_EQ(put(without("roleName")).status, 400U);
  EXPECT_EQ(put(without("permissions")).status, 400U);
  EXPECT_EQ(put(wrapper({7})).status, 400U);
  EXPECT_EQ(put(wrapper({subscription_}), "no-guid").status, 400U);
  EXPECT_EQ(put(wrapper({subscription_}), "12338af0-0e69-4776-bea7-57ae8d297424").code(), "RoleDefinitionIsBuiltIn");
  EXPECT_EQ(put(wrapper({"/subscriptions/" + new_guid(random_)})).code(), "AuthorizationFailed");
  auto named = wrapper({subscription_});
  named["roleName"] = "key vault crypto user";
  EXPECT_EQ(put(named).code(), "RoleDefinitionWithSameNameExists");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
