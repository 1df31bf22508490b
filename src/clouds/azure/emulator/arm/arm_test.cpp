#include "clouds/azure/emulator/testing/azure_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

constexpr const char* kAssignment = "7a0b5e0e-6b7e-4b0e-9d0e-3f1f5f3c2a11";
constexpr const char* kCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424";

class ArmTest : public AzureTest {
 protected:
  void SetUp() override {
    SeedOptions options;
    options.bare = true;
    start(options);
    subscription_ = "/subscriptions/" + cloud_.subscription_id;
  }
  std::string vault_id(const std::string& name) const {
    return subscription_ + "/resourceGroups/latchkey-dev/providers/Microsoft.KeyVault/vaults/" + name;
  }
  json::object vault_body(json::object more = {}) const {
    json::object properties{{"tenantId", cloud_.tenant_id}, {"sku", {{"family", "A"}, {"name", "standard"}}}};
    for (const auto& [name, value] : more) properties[name] = value;
    return {{"location", "eastus"}, {"properties", properties}};
  }
  std::string subscription_;
};

TEST_F(ArmTest, WantsATokenOfItsOwnAudienceTenantAndAnApiVersion) {
  auto url = "https://management.azure.com/subscriptions?api-version=2022-12-01";
  auto missing = send("GET", url);
  EXPECT_EQ(missing.status, 401U);
  EXPECT_EQ(missing.code(), "AuthenticationFailed");
  EXPECT_TRUE(missing.headers.has("www-authenticate"));
  EXPECT_EQ(call("GET", url, admin_token("https://vault.azure.net")).code(), "InvalidAuthenticationTokenAudience");
  EXPECT_EQ(call("GET", url, "x").code(), "InvalidAuthenticationToken");
  auto token = admin_token("https://management.core.windows.net/");
  EXPECT_EQ(call("GET", "https://management.azure.com/subscriptions", token).code(), "MissingApiVersionParameter");
  EXPECT_EQ(call("GET", url, token).status, 200U);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(call("GET", url, token).code(), "ExpiredAuthenticationToken");
}

TEST_F(ArmTest, ShowsTenantsSubscriptionsAndGroups) {
  EXPECT_EQ(arm("GET", "/tenants").at("value")->get_array().at(0).at("tenantId").as_string(), cloud_.tenant_id);
  auto listed = arm("GET", "/subscriptions");
  EXPECT_EQ(listed.at("value")->get_array().at(0).at("subscriptionId").as_string(), cloud_.subscription_id);
  EXPECT_EQ(arm("GET", subscription_).text("tenantId"), cloud_.tenant_id);
  EXPECT_EQ(arm("GET", "/subscriptions/22222222-2222-4222-8222-222222222222").code(), "SubscriptionNotFound");
  EXPECT_EQ(arm("GET", "/subscriptions/nonsense").code(), "InvalidSubscriptionId");
  EXPECT_EQ(arm("GET", subscription_ + "/resourcegroups/LATCHKEY-DEV").text("name"), "latchkey-dev");
  EXPECT_EQ(arm("GET", subscription_ + "/resourcegroups/none").code(), "ResourceGroupNotFound");
  EXPECT_EQ(arm("PUT", subscription_ + "/resourcegroups/more", json::object{{"location", "eastus"}}).status, 201U);
  EXPECT_EQ(arm("PUT", subscription_ + "/resourcegroups/more", json::object{{"location", "eastus"}}).status, 200U);
  EXPECT_EQ(arm("PUT", subscription_ + "/resourcegroups/x", json::object{}).code(), "LocationRequired");
  EXPECT_EQ(arm("DELETE", subscription_ + "/resourcegroups/more").status, 200U);
  EXPECT_EQ(arm("DELETE", subscription_ + "/resourcegroups/latchkey-dev").status, 409U);
  EXPECT_EQ(arm("GET", subscription_ + "/providers/Microsoft.KeyVault").text("registrationState"), "Registered");
  EXPECT_EQ(arm("POST", subscription_ + "/providers/Microsoft.KeyVault/register").status, 200U);
  EXPECT_EQ(arm("GET", "/nowhere").status, 404U);
}

TEST_F(ArmTest, MakesVaultsAsAzDoes) {
  auto missing = arm("GET", vault_id("new-vault"));
  EXPECT_EQ(missing.status, 404U);
  EXPECT_EQ(missing.code(), "ResourceNotFound");
  EXPECT_EQ(
      missing.message(),
      "The Resource 'Microsoft.KeyVault/vaults/new-vault' under resource group 'latchkey-dev' was not found. For more "
      "details please go to https://aka.ms/ARMResourceNotFoundFix");
  auto made = arm("PUT", vault_id("new-vault"),
                  vault_body({{"enableRbacAuthorization", true}, {"enablePurgeProtection", true}}));
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(made.text("properties.vaultUri"), "https://new-vault.vault.azure.net/");
  EXPECT_EQ(made.text("properties.provisioningState"), "Succeeded");
  EXPECT_EQ(made.text("type"), "Microsoft.KeyVault/vaults");
  EXPECT_EQ(made.at("properties.networkAcls"), nullptr);
  EXPECT_EQ(send("GET", "https://new-vault.vault.azure.net/keys?api-version=7.4").status, 401U) << "it answers at once";
  EXPECT_FALSE(arm("PUT", vault_id("policy-vault"), vault_body()).at("properties.enableRbacAuthorization")->as_bool());
  auto one = arm("GET", subscription_ +
                            "/resources?$filter=resourceType%20eq%20'Microsoft.KeyVault/vaults'%20and%20name"
                            "%20eq%20'new-vault'");
  EXPECT_EQ(one.at("value")->get_array().size(), 1U);
  EXPECT_EQ(arm("GET", subscription_ + "/providers/Microsoft.KeyVault/vaults").at("value")->get_array().size(), 3U);
}

TEST_F(ArmTest, RefusesBadVaults) {
  struct Case {
    std::string name;
    json::object body;
    unsigned status;
    std::string code;
  };
  auto elsewhere = vault_body();
  elsewhere.erase("location");
  const Case cases[] = {
      {"1bad", vault_body(), 400, "VaultNameNotValid"},
      {"latchkey-dev", vault_body({{"enablePurgeProtection", false}}), 400, "BadRequest"},
      {"latchkey-dev", vault_body({{"softDeleteRetentionInDays", 30}}), 400, "BadRequest"},
      {"good-name", vault_body({{"softDeleteRetentionInDays", 6}}), 400, "BadRequest"},
      {"good-name", vault_body({{"enableSoftDelete", false}}), 400, "BadRequest"},
      {"good-name", vault_body({{"sku", {{"name", "gold"}}}}), 400, "BadRequest"},
      {"good-name", vault_body({{"tenantId", "22222222-2222-4222-8222-222222222222"}}), 400, "BadRequest"},
      {"good-name", vault_body({{"networkAcls", {{"ipRules", {{{"value", "nonsense"}}}}}}}), 400, "BadRequest"},
      {"good-name", elsewhere, 400, "LocationRequired"},
  };
  for (const auto& c : cases) {
    auto reply = arm("PUT", vault_id(c.name), c.body);
    EXPECT_EQ(reply.status, c.status) << c.name << json::serialize(c.body) << reply.body;
    EXPECT_EQ(reply.code(), c.code) << reply.body;
  }
  auto group = subscription_ + "/resourceGroups/none/providers/Microsoft.KeyVault/vaults/";
  EXPECT_EQ(arm("PUT", group + "good-name", vault_body()).code(), "ResourceGroupNotFound");
  arm("PUT", subscription_ + "/resourcegroups/other", json::object{{"location", "eastus"}});
  group = subscription_ + "/resourceGroups/other/providers/Microsoft.KeyVault/vaults/";
  EXPECT_EQ(arm("PUT", group + "latchkey-dev", vault_body()).code(), "VaultAlreadyExists");
}

TEST_F(ArmTest, DeletesRecoversAndPurgesVaults) {
  ASSERT_EQ(arm("PUT", vault_id("brief"), vault_body({{"enableRbacAuthorization", true}})).status, 200U);
  auto port = emulator_->vault_port("brief");
  ASSERT_TRUE(port);
  EXPECT_EQ(arm("DELETE", vault_id("brief")).status, 200U);
  EXPECT_EQ(arm("DELETE", vault_id("brief")).status, 204U);
  EXPECT_FALSE(emulator_->vault_port("brief"));
  send("GET", "https://brief.vault.azure.net/keys?api-version=7.4");
  EXPECT_EQ(failure_, http::TransportFailure::UnknownName) << "a deleted vault has no name";
  EXPECT_EQ(arm("PUT", vault_id("brief"), vault_body()).status, 409U);
  auto listed = arm("GET", subscription_ + "/providers/Microsoft.KeyVault/deletedVaults");
  ASSERT_EQ(listed.at("value")->get_array().size(), 1U) << listed.body;
  auto deleted = subscription_ + "/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/brief";
  EXPECT_EQ(arm("GET", deleted).text("properties.vaultId"), vault_id("brief"));
  auto recovered = arm("PUT", vault_id("brief"), vault_body({{"createMode", "recover"}}));
  ASSERT_EQ(recovered.status, 200U) << recovered.body;
  EXPECT_EQ(emulator_->vault_port("brief"), port);
  arm("DELETE", vault_id("brief"));
  EXPECT_EQ(arm("POST", deleted + "/purge").status, 200U);
  EXPECT_EQ(arm("GET", deleted).status, 404U);
  arm("DELETE", cloud_.vault_resource_id);
  auto protected_vault = subscription_ + "/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/latchkey-dev";
  EXPECT_EQ(arm("POST", protected_vault + "/purge").code(), "MethodNotAllowed");
}

TEST_F(ArmTest, RecoveringAVaultBringsNoRolesBack) {
  ASSERT_EQ(vault("GET", "keys").status, 200U);
  arm("DELETE", cloud_.vault_resource_id);
  ASSERT_EQ(arm("PUT", cloud_.vault_resource_id, vault_body({{"createMode", "recover"}})).status, 200U);
  EXPECT_EQ(vault("GET", "keys").inner(), "ForbiddenByRbac");
}

TEST_F(ArmTest, AssignsShowsAndRemovesRoles) {
  auto service = make_service("worker");
  auto scope = cloud_.vault_resource_id + "/keys/k";
  auto path = scope + "/providers/Microsoft.Authorization/roleAssignments/" + kAssignment;
  auto made = assign_role(scope, kCryptoUser, service.principal_id, kAssignment);
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_EQ(made.text("id"), path);
  EXPECT_EQ(made.text("properties.principalId"), service.principal_id);
  EXPECT_EQ(assign_role(scope, kCryptoUser, service.principal_id, kAssignment).code(), "RoleAssignmentExists");
  EXPECT_EQ(assign_role(scope, kCryptoUser, service.principal_id, "8a0b5e0e-6b7e-4b0e-9d0e-3f1f5f3c2a11").status, 409U);
  auto another = "21090545-7ca7-4776-b22c-e363652d74d2";
  EXPECT_EQ(assign_role(scope, another, service.principal_id, kAssignment).code(), "RoleAssignmentUpdateNotPermitted");
  auto nobody = "22222222-2222-4222-8222-222222222222";
  EXPECT_EQ(assign_role(scope, nobody, service.principal_id, kAssignment).code(), "RoleDefinitionDoesNotExist");
  EXPECT_EQ(assign_role(scope, kCryptoUser, service.principal_id, "nonsense").code(), "InvalidRoleAssignmentId");
  EXPECT_EQ(assign_role(vault_id("none"), kCryptoUser, service.principal_id, kAssignment).code(), "ResourceNotFound");

  auto count = [&](const std::string& at, const std::string& filter) {
    auto listed = arm("GET", at + "/providers/Microsoft.Authorization/roleAssignments" + filter, nullptr, "2022-04-01");
    EXPECT_EQ(listed.status, 200U) << listed.body;
    return listed.at("value")->get_array().size();
  };
  // The admin's two of the seed, and this one.
  EXPECT_EQ(count(scope, "?$filter=atScope()"), 3U);
  EXPECT_EQ(count(cloud_.vault_resource_id, "?$filter=atScope()"), 2U);
  EXPECT_EQ(count(subscription_, ""), 3U);
  EXPECT_EQ(count(scope, "?$filter=principalId%20eq%20'" + service.principal_id + "'"), 1U);
  EXPECT_EQ(arm("GET", path).text("name"), kAssignment);
  EXPECT_EQ(arm("DELETE", path).status, 200U);
  EXPECT_EQ(arm("DELETE", path).status, 204U);
  EXPECT_EQ(arm("GET", path).status, 404U);
}

TEST_F(ArmTest, BelievesWhoNamesAPrincipalsType) {
  auto service = make_service("worker");
  const auto nobody = "22222222-2222-4222-8222-222222222222";
  auto base = cloud_.vault_resource_id + "/providers/Microsoft.Authorization/roleAssignments/";
  auto assign = [&](const std::string& principal, const json::value& type, const std::string& role = kCryptoUser) {
    // With the slash at the end that some tools leave.
    auto definition = subscription_ + "/providers/Microsoft.Authorization/roleDefinitions/" + role + "/";
    json::object properties{{"roleDefinitionId", definition}, {"principalId", principal}};
    if (!type.is_null()) properties["principalType"] = type;
    return arm("PUT", base + new_guid(random_), json::object{{"properties", properties}}, "2022-04-01");
  };
  auto unknown = assign(nobody, nullptr);
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_EQ(unknown.code(), "PrincipalNotFound");
  EXPECT_TRUE(unknown.message().starts_with(
      fmt::format("Principal {} does not exist in the directory {}. Check that you have the correct principal ID.",
                  nobody, cloud_.tenant_id)));
  EXPECT_EQ(assign(nobody, "").code(), "PrincipalNotFound");
  EXPECT_EQ(assign(nobody, "Robot").status, 400U);
  auto group = assign(nobody, "group");
  ASSERT_EQ(group.status, 201U) << group.body;
  EXPECT_EQ(group.text("properties.principalType"), "Group");
  EXPECT_EQ(group.text("properties.principalId"), nobody);
  EXPECT_EQ(arm("GET", group.text("id"), nullptr, "2022-04-01").text("properties.principalType"), "Group");
  EXPECT_EQ(assign(nobody, "ServicePrincipal").code(), "RoleAssignmentExists");
  // The directory knows the type of a principal that it has.
  EXPECT_EQ(assign(service.principal_id, "User").code(), "UnmatchedPrincipalType");
  EXPECT_EQ(assign(service.principal_id, nullptr).text("properties.principalType"), "ServicePrincipal");
}

TEST_F(ArmTest, GivesValuesBackAsTheServiceKeepsThem) {
  auto subnet = subscription_ + "/resourceGroups/Net/providers/Microsoft.Network/virtualNetworks/V/subnets/Default";
  json::object acls{
      {"defaultAction", "deny"},
      {"bypass", "azureservices"},
      {"ipRules", json::array{json::object{{"value", "20.30.40.50"}}, json::object{{"value", "20.30.41.0/24"}},
                              json::object{{"value", "20.30.42.7/32"}}}},
      {"virtualNetworkRules", json::array{json::object{{"id", subnet}}}}};
  json::object policy{{"tenantId", upper(cloud_.tenant_id)},
                      {"objectId", "AAAAAAAA-0000-4000-8000-00000000000F"},
                      {"permissions", json::object{{"keys", json::array{"get"}}}}};
  auto body = vault_body(
      {{"tenantId", upper(cloud_.tenant_id)}, {"networkAcls", acls}, {"accessPolicies", json::array{policy}}});
  body["location"] = "West Europe";
  auto made = arm("PUT", vault_id("normal-vault"), body);
  ASSERT_EQ(made.status, 200U) << made.body;
  for (const auto& shown : std::vector<Reply>{made, arm("GET", vault_id("NORMAL-vault"))}) {
    EXPECT_EQ(shown.text("location"), "westeurope");
    EXPECT_EQ(shown.text("properties.tenantId"), cloud_.tenant_id);
    EXPECT_EQ(shown.text("properties.networkAcls.defaultAction"), "Deny");
    EXPECT_EQ(shown.text("properties.networkAcls.bypass"), "AzureServices");
    EXPECT_EQ(json::serialize(*shown.at("properties.networkAcls.ipRules")),
              R"([{"value":"20.30.40.50/32"},{"value":"20.30.41.0/24"},{"value":"20.30.42.7/32"}])");
    EXPECT_EQ(shown.at("properties.networkAcls.virtualNetworkRules")->at(0).at("id").as_string(), lower(subnet));
    const auto& kept = shown.at("properties.accessPolicies")->at(0);
    EXPECT_EQ(kept.at("tenantId").as_string(), cloud_.tenant_id);
    EXPECT_EQ(kept.at("objectId").as_string(), "aaaaaaaa-0000-4000-8000-00000000000f");
  }
  auto network = [&](json::object rules) {
    return arm("PATCH", vault_id("normal-vault"),
               json::object{{"properties", json::object{{"networkAcls", std::move(rules)}}}});
  };
  EXPECT_EQ(network({{"bypass", "Everything"}}).status, 400U);
  EXPECT_EQ(network({{"virtualNetworkRules", json::array{json::object()}}}).status, 400U);
  EXPECT_EQ(network({{"virtualNetworkRules", json::array{"subnet"}}}).status, 400U);

  EXPECT_EQ(arm("DELETE", vault_id("normal-vault")).status, 200U);
  EXPECT_EQ(
      arm("GET", subscription_ + "/providers/Microsoft.KeyVault/locations/West%20Europe/deletedVaults/normal-vault")
          .text("name"),
      "normal-vault");
  auto group = arm("PUT", subscription_ + "/resourcegroups/places", json::object{{"location", "North Europe"}});
  EXPECT_EQ(group.text("location"), "northeurope");
}

TEST_F(ArmTest, CountsCharactersAsDotNetDoes) {
  const std::string han = "\u6f22";
  const std::string key = "\U0001F511";  // two of UTF-16's units
  auto tagged = [&](const std::string& name, const std::string& value) {
    auto body = vault_body();
    body["tags"] = json::object{{name, value}};
    return arm("PUT", vault_id("tag-vault"), body);
  };
  EXPECT_EQ(tagged(times(512, han), times(256, han)).status, 200U);
  EXPECT_EQ(tagged("k", times(128, key)).status, 200U);
  EXPECT_EQ(tagged("k", times(128, key) + "x").code(), "InvalidTags");
  EXPECT_EQ(tagged(times(513, han), "v").code(), "InvalidTags");
  EXPECT_EQ(tagged("a/b", "v").code(), "InvalidTagNameCharacters");
  auto group = [&](const std::string& name, const json::value& tags) {
    return arm("PUT", subscription_ + "/resourcegroups/" + percent_encode(name),
               json::object{{"location", "eastus"}, {"tags", tags}});
  };
  EXPECT_EQ(group(times(90, han), json::object{{"k", times(256, han)}}).status, 201U);
  EXPECT_EQ(group(times(91, han), nullptr).code(), "InvalidResourceGroup");
  EXPECT_EQ(group("more", json::object{{"k", times(257, han)}}).code(), "InvalidTags");
  EXPECT_EQ(group("more", json::object{{"k", 7}}).code(), "InvalidTags");
  EXPECT_EQ(group("more", json::array()).status, 400U);
  json::object many;
  for (int i = 0; i < 51; ++i) many["k" + std::to_string(i)] = "v";
  EXPECT_EQ(group("more", many).code(), "InvalidTags");

  auto role = [&](const std::string& name, const std::string& description) {
    json::object permission{{"actions", json::array{"*/read"}}};
    return arm("PUT", subscription_ + "/providers/Microsoft.Authorization/roleDefinitions/" + new_guid(random_),
               json::object{{"properties", json::object{{"roleName", name},
                                                        {"description", description},
                                                        {"permissions", json::array{permission}}}}},
               "2022-04-01");
  };
  auto longest = role(times(512, han), times(2048, han));
  ASSERT_EQ(longest.status, 201U) << longest.body;
  EXPECT_EQ(longest.text("properties.roleName"), times(512, han));
  EXPECT_EQ(longest.text("properties.description"), times(2048, han));
  EXPECT_EQ(role(times(513, han), "").status, 400U);
  EXPECT_EQ(role("r", times(2049, han)).status, 400U);

  auto setting = [&](const std::string& name) {
    return arm("PUT",
               cloud_.vault_resource_id + "/providers/Microsoft.Insights/diagnosticSettings/" + percent_encode(name),
               json::parse(R"({"properties":{"workspaceId":"w"}})"), "2021-05-01-preview");
  };
  EXPECT_EQ(setting(times(260, han)).text("name"), times(260, han));
  EXPECT_EQ(setting(times(261, han)).status, 400U);
  EXPECT_EQ(setting("a:b").status, 400U);
}

TEST_F(ArmTest, RefusesThoseWithoutARole) {
  auto service = make_service("nobody");
  auto token = token_of(service, "https://management.azure.com/");
  auto url = "https://management.azure.com" + cloud_.vault_resource_id + "?api-version=2022-07-01";
  auto refused = call("GET", url, token);
  EXPECT_EQ(refused.status, 403U);
  EXPECT_EQ(refused.code(), "AuthorizationFailed");
  EXPECT_EQ(
      refused.message(),
      fmt::format("The client '{}' with object id '{}' does not have authorization to perform action "
                  "'Microsoft.KeyVault/vaults/read' over scope '{}' or the scope is invalid. If access was recently "
                  "granted, please refresh your credentials.",
                  service.app_id, service.principal_id, cloud_.vault_resource_id));
  EXPECT_EQ(audit_lines().back().at("operationName").as_string(), "VaultGet");
  ASSERT_EQ(
      assign_role(cloud_.vault_resource_id, "acdd72a7-3385-48ef-bd42-f606fba81ae7", service.principal_id, kAssignment)
          .status,
      201U);
  EXPECT_EQ(call("GET", url, token).status, 200U);
  EXPECT_EQ(call("DELETE", url, token).code(), "AuthorizationFailed");
}

TEST_F(ArmTest, AuditIsWrittenOnlyWhileASettingSendsIt) {
  auto settings = cloud_.vault_resource_id + "/providers/Microsoft.Insights/diagnosticSettings";
  auto listed = arm("GET", settings, nullptr, "2021-05-01-preview");
  ASSERT_EQ(listed.at("value")->get_array().size(), 1U) << listed.body;
  EXPECT_EQ(arm("DELETE", settings + "/audit").status, 200U);
  EXPECT_EQ(arm("DELETE", settings + "/audit").status, 204U);
  auto before = audit_lines().size();
  EXPECT_EQ(vault("GET", "keys").status, 200U);
  EXPECT_EQ(audit_lines().size(), before);

  auto put = [&](const char* body) { return arm("PUT", settings + "/mine", json::parse(body), "2021-05-01-preview"); };
  EXPECT_EQ(put(R"({"properties":{"logs":[{"category":"AuditEvent","enabled":true}]}})").status, 400U) << "no sink";
  EXPECT_EQ(put(R"({"properties":{"workspaceId":"w","logs":[{"category":"Nonsense","enabled":true}]}})").status, 400U);
  EXPECT_EQ(put(R"({"properties":{"workspaceId":"w","logs":[{"category":"AuditEvent","enabled":false}]}})").status,
            200U);
  vault("GET", "keys");
  EXPECT_EQ(audit_lines().size(), before);
  EXPECT_EQ(put(R"({"properties":{"workspaceId":"w","logs":[{"category":"AuditEvent","enabled":true}]}})").status,
            200U);
  EXPECT_EQ(arm("GET", settings + "/mine").text("properties.workspaceId"), "w");
  vault("GET", "keys");
  EXPECT_EQ(audit_lines().size(), before + 1);
  EXPECT_EQ(arm("GET", cloud_.vault_resource_id + "/providers/Microsoft.Insights/diagnosticSettingsCategories")
                .at("value")
                ->get_array()
                .size(),
            3U);
}

TEST_F(ArmTest, MetadataHasTheShapeThatEachToolReads) {
  auto at = [&](const std::string& version) {
    return send("GET", "https://management.azure.com/metadata/endpoints?api-version=" + version).parsed;
  };
  EXPECT_TRUE(at("2022-09-01").is_object());
  EXPECT_TRUE(at("2019-05-01").is_array());
  EXPECT_TRUE(at("2015-01-01").as_object().contains("galleryEndpoint"));
  EXPECT_EQ(at("2022-09-01").at("suffixes").at("keyVaultDns").as_string(), "vault.azure.net");
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
