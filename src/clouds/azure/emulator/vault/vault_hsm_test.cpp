#include "clouds/azure/emulator/testing/vault_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

constexpr const char* kCryptoUser = "21dbd100-6940-42c2-9190-5d6cb909625b";
constexpr const char* kEncryptionUser = "33413926-3206-4cdd-b39a-83574fe37a17";

class ManagedHsm : public VaultTest {
 protected:
  void SetUp() override {
    start_bare();
    id_ = fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.KeyVault/managedHSMs/pool",
                      cloud_.subscription_id, cloud_.resource_group);
    auto made = put_pool();
    ASSERT_EQ(made.status, 200U) << made.body;
    EXPECT_EQ(made.text("properties.hsmUri"), "https://pool.managedhsm.azure.net/");
    EXPECT_EQ(made.text("sku.name"), "Standard_B1");
    EXPECT_EQ(made.at("properties.vaultUri"), nullptr);
  }
  Reply put_pool() {
    return arm("PUT", id_,
               json::object{{"location", "East US"},
                            {"sku", {{"family", "B"}, {"name", "Standard_B1"}}},
                            {"properties", json::object{{"tenantId", cloud_.tenant_id},
                                                        {"softDeleteRetentionInDays", 7},
                                                        {"initialAdminObjectIds", {admin_object_id()}}}}},
               "2023-07-01");
  }
  Reply hsm(const std::string& method, const std::string& path, const json::value& body = nullptr,
            std::string token = {}) {
    if (token.empty()) token = admin_token("https://managedhsm.azure.net");
    auto url = fmt::format("https://pool.managedhsm.azure.net/{}?api-version=7.4", path);
    return call(method, url, token, body);
  }
  Reply assign(const std::string& scope, const std::string& role, const std::string& principal) {
    auto definition = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/" + role;
    last_name_ = new_guid(random_);
    return hsm(
        "PUT", scope + "/providers/Microsoft.Authorization/roleAssignments/" + last_name_,
        json::object{{"properties", json::object{{"roleDefinitionId", definition}, {"principalId", principal}}}});
  }
  std::string id_;
  std::string last_name_;
};

TEST_F(ManagedHsm, HasATokenResourceOfItsOwn) {
  auto challenge = send("GET", "https://pool.managedhsm.azure.net/keys?api-version=7.4");
  EXPECT_EQ(challenge.status, 401U);
  EXPECT_EQ(challenge.headers.get("www-authenticate"), "Bearer authorization=\"https://login.microsoftonline.com/" +
                                                           cloud_.tenant_id +
                                                           "\", resource=\"https://managedhsm.azure.net\"");
  expect_refused(hsm("GET", "keys", nullptr, admin_token("https://vault.azure.net")), 401, "Unauthorized", "",
                 "AKV10022: Invalid audience. Expected https://managedhsm.azure.net, found: https://vault.azure.net.");
  EXPECT_EQ(vault("GET", "keys", nullptr, admin_token("https://managedhsm.azure.net")).status, 401U);
  EXPECT_FALSE(send("GET", "https://none.managedhsm.azure.net/keys?api-version=7.4").failure.empty());
}

TEST_F(ManagedHsm, FiltersItsRoles) {
  auto principal = std::string("22222222-2222-4222-8222-222222222222");
  ASSERT_EQ(assign("keys/k1", kCryptoUser, principal).status, 201U);
  auto ask = [&](const std::string& path, const std::string& filter) {
    auto url =
        fmt::format("https://pool.managedhsm.azure.net/{}?api-version=7.4&$filter={}", path, percent_encode(filter));
    auto reply = call("GET", url, admin_token("https://managedhsm.azure.net"));
    return reply.status == 200U ? static_cast<int>(reply.at("value")->get_array().size())
                                : -static_cast<int>(reply.status);
  };
  const std::string assignments = "providers/Microsoft.Authorization/roleAssignments";
  auto all = ask(assignments, "");
  EXPECT_EQ(ask(assignments, "atScope()"), all - 1) << "but for that of the key";
  EXPECT_EQ(ask(assignments, "principalId eq " + principal), 1);
  EXPECT_EQ(ask(assignments, "principalId eq '" + principal + "'"), 1);
  EXPECT_EQ(ask(assignments, "atScope() and principalId eq '" + principal + "'"), 0);
  EXPECT_EQ(ask("keys/k1/" + assignments, "atScope()"), all);
  for (auto bad : {"roleName eq 'x'", "principalId ne 'x'", "atScope('x')", "principalId eq", "not atScope()"}) {
    EXPECT_EQ(ask(assignments, bad), -400) << bad;
  }
  const std::string definitions = "providers/Microsoft.Authorization/roleDefinitions";
  EXPECT_EQ(ask(definitions, "atScopeAndBelow()"), ask(definitions, ""));
  EXPECT_EQ(ask(definitions, "roleName eq 'x'"), -400);
}

TEST_F(ManagedHsm, DecidesByItsOwnRoles) {
  auto denied = hsm("POST", "keys/k1/create", json::object{{"kty", "RSA-HSM"}});
  EXPECT_EQ(denied.inner(), "ForbiddenByRbac") << "its administrator has no keys, nor has the subscription's owner";
  EXPECT_NE(denied.message().find("Action: 'Microsoft.KeyVault/managedHsm/keys/create'\r\nResource: '/keys/k1'"),
            std::string::npos);
  ASSERT_EQ(assign("", kCryptoUser, admin_object_id()).status, 201U);
  auto made = hsm("POST", "keys/k1/create", json::object{{"kty", "RSA-HSM"}, {"key_size", 3072}});
  EXPECT_EQ(made.text("key.kty"), "RSA-HSM") << made.body;
  EXPECT_TRUE(made.text("key.kid").starts_with("https://pool.managedhsm.azure.net/keys/k1/"));
  hsm("POST", "keys/k2/create", json::object{{"kty", "EC-HSM"}});

  auto service = make_service("worker");
  auto token = token_of(service, "https://managedhsm.azure.net");
  json::object body{{"alg", "RSA-OAEP-256"}, {"value", "AAAA"}};
  EXPECT_EQ(hsm("POST", "keys/k1/wrapkey", body, token).inner(), "ForbiddenByRbac");
  auto assigned = assign("keys/k1", kEncryptionUser, service.principal_id);
  ASSERT_EQ(assigned.status, 201U) << assigned.body;
  EXPECT_EQ(assigned.text("properties.scope"), "/keys/k1");
  auto wrapped = hsm("POST", "keys/k1/wrapkey", body, token);
  EXPECT_EQ(wrapped.status, 200U) << wrapped.body;
  body["value"] = wrapped.text("value");
  EXPECT_EQ(hsm("POST", "keys/k1/" + version_of(wrapped) + "/unwrapkey", body, token).text("value"), "AAAA");
  EXPECT_EQ(hsm("GET", "keys/k1", nullptr, token).status, 200U);
  EXPECT_EQ(hsm("GET", "keys/k2", nullptr, token).status, 403U);
  EXPECT_EQ(hsm("DELETE", "keys/k1", nullptr, token).status, 403U);
  EXPECT_EQ(hsm("DELETE", "keys/k1/providers/Microsoft.Authorization/roleAssignments/" + last_name_).status, 200U);
  EXPECT_EQ(hsm("GET", "keys/k1", nullptr, token).status, 403U);
}

TEST_F(ManagedHsm, ListsRolesAndAssignments) {
  auto definitions = hsm("GET", "//providers/Microsoft.Authorization/roleDefinitions");
  ASSERT_EQ(definitions.at("value")->get_array().size(), 9U) << definitions.body;
  auto one = hsm("GET", std::string("providers/Microsoft.Authorization/roleDefinitions/") + kCryptoUser);
  EXPECT_EQ(one.text("properties.roleName"), "Managed HSM Crypto User");
  EXPECT_EQ(hsm("GET", "providers/Microsoft.Authorization/roleAssignments").at("value")->get_array().size(), 1U);
  ASSERT_EQ(assign("keys", kCryptoUser, admin_object_id()).status, 201U);
  EXPECT_EQ(assign("keys", kCryptoUser, admin_object_id()).code(), "RoleAssignmentExists");
  EXPECT_EQ(assign("", "12338af0-0e69-4776-bea7-57ae8d297424", admin_object_id()).code(), "BadParameter")
      << "a role of Azure is none of its own";
  EXPECT_EQ(assign("", kCryptoUser, "nobody").code(), "BadParameter");
  EXPECT_EQ(assign("secrets", kCryptoUser, admin_object_id()).status, 400U);
  EXPECT_EQ(hsm("DELETE", "providers/Microsoft.Authorization/roleAssignments/" + new_guid(random_)).code(),
            "RoleAssignmentNotFound");
}

TEST_F(ManagedHsm, HoldsHsmKeysAloneAndMakesRandomBytes) {
  ASSERT_EQ(assign("", kCryptoUser, admin_object_id()).status, 201U);
  for (const auto* type : {"RSA", "EC", "oct"}) {
    EXPECT_EQ(hsm("POST", "keys/k/create", json::object{{"kty", type}}).code(), "BadParameter") << type;
  }
  auto random = hsm("POST", "rng", json::object{{"count", 32}});
  EXPECT_EQ(base64url_decode(random.text("value")).value().size(), 32U) << random.body;
  for (const auto& count : {json::value(0), json::value(129), json::value("8"), json::value(nullptr)}) {
    EXPECT_EQ(hsm("POST", "rng", json::object{{"count", count}}).status, 400U);
  }
  hsm("POST", "keys/k/create", json::object{{"kty", "EC-HSM"}});
  auto blob = hsm("POST", "keys/k/backup").text("value");
  make_vault("premium-vault", "eastus", "premium");
  EXPECT_EQ(in_vault("premium-vault", "POST", "keys/restore", json::object{{"value", blob}}).message(),
            "Cannot decrypt backup blob.");
}

TEST_F(ManagedHsm, IsDeletedAndRecoveredLikeAVault) {
  ASSERT_EQ(assign("", kCryptoUser, admin_object_id()).status, 201U);
  auto made = hsm("POST", "keys/k/create", json::object{{"kty", "EC-HSM"}});
  stop();
  start_bare();
  EXPECT_EQ(hsm("GET", "keys/k").text("key.kid"), made.text("key.kid")) << "it outlives a restart";
  ASSERT_EQ(arm("DELETE", id_, nullptr, "2023-07-01").status, 200U);
  EXPECT_EQ(hsm("GET", "keys/k").status, 404U);
  EXPECT_EQ(put_pool().code(), "Conflict");
  auto where = "/subscriptions/" + cloud_.subscription_id + "/providers/Microsoft.KeyVault/";
  auto deleted = arm("GET", where + "locations/eastus/deletedManagedHSMs/pool", nullptr, "2023-07-01");
  EXPECT_EQ(deleted.text("properties.mhsmId"), id_) << deleted.body;
  EXPECT_EQ(arm("GET", where + "deletedManagedHSMs").at("value")->get_array().size(), 1U);
  EXPECT_EQ(arm("GET", where + "deletedVaults").at("value")->get_array().size(), 0U);
  auto recovered =
      arm("PUT", id_,
          json::object{{"location", "eastus"},
                       {"properties", json::object{{"tenantId", cloud_.tenant_id}, {"createMode", "recover"}}}},
          "2023-07-01");
  EXPECT_EQ(recovered.status, 200U) << recovered.body;
  EXPECT_EQ(hsm("GET", "keys/k").text("key.kid"), made.text("key.kid")) << "its local roles came back with it";
  arm("DELETE", id_);
  EXPECT_EQ(arm("POST", where + "locations/eastus/deletedManagedHSMs/pool/purge").status, 200U);
  EXPECT_EQ(put_pool().status, 200U);
}

TEST_F(ManagedHsm, SharesNoNamesWithVaults) {
  make_vault("pool");
  EXPECT_EQ(in_vault("pool", "GET", "keys").status, 200U);
  EXPECT_EQ(arm("GET", id_).text("type"), "Microsoft.KeyVault/managedHSMs");
  EXPECT_EQ(arm("GET", "/subscriptions/" + cloud_.subscription_id + "/providers/Microsoft.KeyVault/managedHSMs")
                .at("value")
                ->get_array()
                .size(),
            1U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
