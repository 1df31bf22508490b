// How Resource Manager's lists handle the "$" options.
#include "clouds/azure/emulator/testing/azure_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

class ArmQuery : public AzureTest {
 protected:
  void SetUp() override {
    SeedOptions options;
    options.bare = true;
    start(options);
    subscription_ = "/subscriptions/" + cloud_.subscription_id;
    make("one", "West Europe", {{"env", "prod"}, {"team", "a"}});
    make("two", "eastus", {{"env", "test"}});
  }
  void make(const std::string& name, const std::string& location, const json::object& tags) {
    json::object properties{{"tenantId", cloud_.tenant_id}, {"sku", {{"family", "A"}, {"name", "standard"}}}};
    auto made =
        arm("PUT", subscription_ + "/resourceGroups/latchkey-dev/providers/Microsoft.KeyVault/vaults/vault-" + name,
            json::object{{"location", location}, {"tags", tags}, {"properties", properties}});
    ASSERT_EQ(made.status, 200U) << made.body;
  }
  Reply list(const std::string& path, const std::string& filter) {
    return arm("GET", subscription_ + path + "?$filter=" + percent_encode(filter));
  }
  // "vault-one vault-two", or the code of the refusal.
  static std::string names(const Reply& reply) {
    if (reply.status != 200U) return std::to_string(reply.status) + " " + reply.code();
    std::string all;
    for (const auto& item : reply.at("value")->get_array()) {
      all += (all.empty() ? "" : " ") + std::string(item.at("name").as_string());
    }
    return all;
  }
  std::string subscription_;
};

TEST_F(ArmQuery, FiltersResourcesAsDocumented) {
  const std::string invalid = "400 InvalidFilterInQueryString";
  const std::pair<const char*, std::string> cases[] = {
      {"resourceType eq 'microsoft.keyvault/VAULTS'", "latchkey-dev vault-one vault-two"},
      {"resourceType eq 'Microsoft.Storage/storageAccounts'", ""},
      {"resourceType ne 'Microsoft.Storage/storageAccounts' and name eq 'vault-two'", "vault-two"},
      {"name eq 'vault-one' or name eq 'vault-two'", "vault-one vault-two"},
      {"name ne 'latchkey-dev'", "vault-one vault-two"},
      {"substringof('ULT-', name)", "vault-one vault-two"},
      {"location eq 'westeurope'", "vault-one"},
      {"location eq 'West Europe'", "vault-one"},
      {"location ne 'West Europe' and substringof('vault', name)", "vault-two"},
      {"resourceGroup eq 'LATCHKEY-DEV' and location eq 'eastus' and name ne 'latchkey-dev'", "vault-two"},
      {"tagName eq 'env' and tagValue eq 'prod'", "vault-one"},
      {"tagName eq 'team' and tagValue eq 'prod'", ""},
      {"startswith(tagName,'te')", "vault-one"},
      {"identity/principalId eq 'x'", ""},
      {"plan/publisher ne 'x' and name eq 'vault-one'", "vault-one"},
      {"shoeSize eq 'x'", invalid},
      {"startswith(name,'v')", invalid},
      {"endswith(name,'e')", invalid},
      {"name in ('vault-one')", invalid},
      {"name eq vault-one", invalid},
      {"name eq 'it's'", invalid},
      {"name eq", invalid},
      {"tagName ne 'env'", invalid},
      {"not (tagName eq 'env')", invalid},
      {"name eq 'x' and atScope()", invalid},
  };
  for (const auto& [filter, wanted] : cases) {
    EXPECT_EQ(names(list("/resources", filter)), wanted) << filter;
    EXPECT_EQ(names(list("/resourceGroups/latchkey-dev/resources", filter)), wanted) << filter;
  }
  EXPECT_EQ(list("/resources", "shoeSize eq 'x'").message(),
            "Invalid $filter 'shoeSize eq 'x'' specified in the query string.");
}

TEST_F(ArmQuery, FiltersGroupsByTag) {
  arm("PUT", subscription_ + "/resourcegroups/tagged",
      json::object{{"location", "eastus"}, {"tags", json::object{{"env", "prod"}}}});
  EXPECT_EQ(names(list("/resourcegroups", "tagName eq 'env' and tagValue eq 'prod'")), "tagged");
  EXPECT_EQ(names(list("/resourcegroups", "tagName eq 'other'")), "");
  EXPECT_EQ(names(list("/resourcegroups", "owner eq 'me'")), "400 InvalidFilterInQueryString");
}

TEST_F(ArmQuery, GivesPagesOfTopAndWhatExpandAsksFor) {
  for (const auto& path : {std::string("/resources"), std::string("/providers/Microsoft.KeyVault/vaults"),
                           std::string("/resourceGroups/latchkey-dev/providers/Microsoft.KeyVault/vaults")}) {
    auto first = arm("GET", subscription_ + path + "?$top=2");
    EXPECT_EQ(names(first), "latchkey-dev vault-one") << path;
    auto second = call("GET", first.text("nextLink"), arm_token_);
    EXPECT_EQ(names(second), "vault-two") << first.text("nextLink") << second.body;
    EXPECT_EQ(second.at("nextLink"), nullptr);
    for (auto bad : {"0", "-1", "two", "2x"}) {
      EXPECT_EQ(arm("GET", subscription_ + path + "?$top=" + bad).status, 400U) << bad;
    }
    EXPECT_EQ(arm("GET", subscription_ + path + "?$skiptoken=AAAA").code(), "InvalidSkipToken");
  }
  auto expanded = arm("GET", subscription_ + "/resources?$expand=createdTime,changedTime,%20provisioningState&$top=1");
  const auto& item = expanded.at("value")->at(0).as_object();
  EXPECT_EQ(item.at("createdTime").as_string(), "2026-06-01T00:00:00.0000000Z");
  EXPECT_EQ(item.at("provisioningState").as_string(), "Succeeded");
  EXPECT_EQ(arm("GET", subscription_ + "/resources?$expand=everything").status, 400U);
}

TEST_F(ArmQuery, RefusesOptionsThatACallDoesNotHave) {
  auto vault = cloud_.vault_resource_id;
  for (const auto& [path, options] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {subscription_ + "/resources", {"$orderby=name", "$select=name", "$skip=1", "$count=true", "$search=x"}},
           {subscription_ + "/resourcegroups", {"$expand=x", "$orderby=name"}},
           {subscription_ + "/providers/Microsoft.KeyVault/vaults", {"$filter=name%20eq%20'x'", "$orderby=name"}},
           {subscription_ + "/providers/Microsoft.KeyVault/deletedVaults", {"$top=1"}},
           {vault, {"$filter=x", "$expand=x", "$select=name"}},
           {vault + "/providers/Microsoft.Authorization/roleAssignments", {"$top=1", "$select=id"}},
           {vault + "/providers/Microsoft.Insights/diagnosticSettings", {"$filter=x"}},
           {"/subscriptions", {"$filter=x"}},
           {"/tenants", {"$top=1"}},
           {subscription_ + "/resources", {"$top=1&$top=2", "$top=1&$TOP=2"}}}) {
    for (const auto& option : options) {
      auto reply = arm("GET", path + "?" + option);
      EXPECT_EQ(reply.status, 400U) << path << option << reply.body;
      EXPECT_EQ(reply.code(), "BadRequest") << path << option;
    }
  }
  EXPECT_EQ(arm("GET", subscription_ + "/resources?other=1").status, 200U);
  EXPECT_EQ(arm("GET", subscription_ + "/providers/Microsoft.KeyVault?$expand=resourceTypes/aliases").status, 200U);
}

TEST_F(ArmQuery, RoleFiltersAreThoseOfAuthorization) {
  auto service = make_service("worker");
  auto scope = cloud_.vault_resource_id + "/keys/k";
  ASSERT_EQ(assign_role(scope, "12338af0-0e69-4776-bea7-57ae8d297424", service.principal_id,
                        "7a0b5e0e-6b7e-4b0e-9d0e-3f1f5f3c2a11")
                .status,
            201U);
  auto assignments = [&](const std::string& at, const std::string& filter) {
    auto reply = arm("GET", at + "/providers/Microsoft.Authorization/roleAssignments?$filter=" + percent_encode(filter),
                     nullptr, "2022-04-01");
    if (reply.status == 200U) return std::to_string(reply.at("value")->get_array().size());
    EXPECT_EQ(reply.message(), "The filter '" + filter +
                                   "' is not supported. Supported filters are either 'atScope()' or 'principalId eq "
                                   "'{value}' or assignedTo('{value}')'.");
    return std::to_string(reply.status) + " " + reply.code();
  };
  auto id = "'" + service.principal_id + "'";
  // The admin has one at the subscription, and one at the vault.
  EXPECT_EQ(assignments(subscription_, ""), "3");
  EXPECT_EQ(assignments(subscription_, "atScope()"), "1");
  EXPECT_EQ(assignments(scope, "atScope()"), "3");
  EXPECT_EQ(assignments(subscription_, "principalId eq " + id), "1");
  EXPECT_EQ(assignments(subscription_, "principalId EQ " + upper(id)), "1");
  EXPECT_EQ(assignments(subscription_, "assignedTo(" + id + ")"), "1");
  EXPECT_EQ(assignments(subscription_, "atScope() and assignedTo(" + id + ")"), "0");
  EXPECT_EQ(assignments(scope, "assignedTo(" + id + ") and atScope()"), "1");
  EXPECT_EQ(assignments(scope, "principalId eq 'nobody'"), "0");
  for (const auto& unknown : std::vector<std::string>{
           "principalId eq " + service.principal_id, "principalId ne " + id, "atScope() and principalId eq " + id,
           "principalId eq " + id + " or principalId eq 'x'", "principalId eq " + id + " and roleDefinitionId eq 'x'",
           "not atScope()", "atScope() or assignedTo(" + id + ")", "atScope('x')", "assignedTo()", "asTarget()",
           "roleName eq 'x'", "principalId eq ''"}) {
    EXPECT_EQ(assignments(subscription_, unknown), "400 UnsupportedQuery") << unknown;
  }
  auto broken = arm("GET", subscription_ + "/providers/Microsoft.Authorization/roleAssignments?$filter=atScope(");
  EXPECT_EQ(broken.status, 400U);

  auto definitions = [&](const std::string& filter) {
    auto reply =
        arm("GET", scope + "/providers/Microsoft.Authorization/roleDefinitions?$filter=" + percent_encode(filter),
            nullptr, "2022-04-01");
    if (reply.status != 200U) return std::to_string(reply.status) + " " + reply.code();
    const auto& found = reply.at("value")->get_array();
    return found.empty() ? std::string() : std::string(found[0].at("properties").at("roleName").as_string());
  };
  EXPECT_EQ(definitions("roleName eq 'key vault crypto user'"), "Key Vault Crypto User");
  EXPECT_EQ(definitions("roleName eq 'x' or roleName eq 'Key Vault Reader'"), "Key Vault Reader");
  EXPECT_EQ(definitions("atScopeAndBelow() and roleName eq 'Key Vault Reader'"), "Key Vault Reader");
  EXPECT_EQ(definitions("type eq 'CustomRole'"), "");
  EXPECT_NE(definitions("type eq 'BuiltInRole'"), "");
  EXPECT_EQ(definitions("roleName eq 'it''s'"), "");
  for (auto unknown : {"roleName ne 'x'", "id eq 'x'", "startswith(roleName,'Key')", "atScope()", "roleName eq x"}) {
    EXPECT_EQ(definitions(unknown), "400 UnsupportedQuery") << unknown;
  }
}

TEST_F(ArmQuery, ListsNothingOfAGroupThatIsNotThere) {
  auto group = subscription_ + "/resourceGroups/none";
  for (const auto* path :
       {"/resources", "/providers/Microsoft.KeyVault/vaults", "/providers/Microsoft.KeyVault/managedHSMs",
        "/providers/Microsoft.Authorization/roleAssignments"}) {
    auto reply = arm("GET", group + path);
    EXPECT_EQ(reply.status, 404U) << path;
    EXPECT_EQ(reply.code(), "ResourceGroupNotFound") << path;
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
