#include "clouds/azure/emulator/testing/azure_fixture.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

class GraphTest : public AzureTest {
 protected:
  void SetUp() override {
    SeedOptions options;
    options.bare = true;
    start(options);
  }
};

TEST_F(GraphTest, ConsentErrorsAreGraphsOwn) {
  auto nobody = "22222222-2222-4222-8222-222222222222";
  auto unknown = graph("POST", "/servicePrincipals", json::object{{"appId", nobody}});
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_EQ(unknown.code(), "Request_BadRequest");
  EXPECT_EQ(
      unknown.message(),
      fmt::format("The appId '{}' of the service principal does not reference a valid application object.", nobody));
  const auto& detail = unknown.at("error.details")->get_array().at(0);
  EXPECT_EQ(detail.at("code").as_string(), "NoBackingApplicationObject");
  EXPECT_EQ(detail.at("target").as_string(), "appId");
  auto missing = graph("GET", std::string("/servicePrincipals/") + nobody);
  EXPECT_EQ(missing.status, 404U);
  EXPECT_EQ(missing.code(), "Request_ResourceNotFound");
  EXPECT_EQ(graph("POST", "/servicePrincipals", json::object{}).status, 400U);
}

TEST_F(GraphTest, DeniesThoseWithoutADirectoryRole) {
  auto service = make_service("plain");
  auto token = token_of(service, "https://graph.microsoft.com/");
  for (auto method : {"GET", "POST"}) {
    auto reply = call(method, "https://graph.microsoft.com/v1.0/servicePrincipals", token,
                      method == std::string("POST") ? json::value{{"appId", kPlatform}} : json::value());
    EXPECT_EQ(reply.status, 403U);
    EXPECT_EQ(reply.code(), "Authorization_RequestDenied");
    EXPECT_EQ(reply.message(), "Insufficient privileges to complete the operation.");
  }
  auto url = "https://graph.microsoft.com/v1.0/servicePrincipals";
  EXPECT_EQ(send("GET", url).code(), "InvalidAuthenticationToken");
  EXPECT_EQ(call("GET", url, admin_token("https://vault.azure.net")).status, 401U);
}

TEST_F(GraphTest, ShowsAPrincipalEveryWayItIsAskedFor) {
  auto made = graph("POST", "/servicePrincipals", json::object{{"appId", kPlatform}});
  ASSERT_EQ(made.status, 201U);
  auto id = made.text("id");
  EXPECT_EQ(made.text("appOwnerOrganizationId"), cloud_.platform_tenant_id);
  EXPECT_EQ(made.text("servicePrincipalType"), "Application");
  EXPECT_TRUE(made.at("accountEnabled")->as_bool());
  EXPECT_EQ(graph("GET", "/servicePrincipals/" + id).text("appId"), kPlatform);
  EXPECT_EQ(graph("GET", fmt::format("/servicePrincipals(appId='{}')", kPlatform)).text("id"), id);
  for (const auto& filter : {fmt::format("appId%20eq%20'{}'", kPlatform),
                             std::string("displayName+eq+'anthropic-cmek-"
                                         "client-us'"),
                             std::string("startswith(displayName,'anthropic')")}) {
    auto listed = graph("GET", "/servicePrincipals?$filter=" + filter);
    ASSERT_EQ(listed.at("value")->get_array().size(), 1U) << filter << listed.body;
  }
  EXPECT_EQ(graph("GET", "/servicePrincipals?$filter=id%20ne%20'x'").code(), "Request_UnsupportedQuery");
  auto named = graph("POST", "/directoryObjects/getByIds", json::object{{"ids", {id, "unknown"}}});
  ASSERT_EQ(named.at("value")->get_array().size(), 1U) << named.body;
  EXPECT_EQ(named.at("value")->get_array()[0].at("@odata.type").as_string(), "#microsoft.graph.servicePrincipal");
  EXPECT_EQ(graph("DELETE", "/servicePrincipals/" + id).status, 204U);
  EXPECT_EQ(graph("GET", "/servicePrincipals/" + id).status, 404U);
}

TEST_F(GraphTest, ApplicationsBelongToTheirHome) {
  auto made = graph("POST", "/applications", json::object{{"displayName", "mine"}});
  ASSERT_EQ(made.status, 201U) << made.body;
  auto path = "/applications/" + made.text("id");
  EXPECT_EQ(graph("GET", path).text("appId"), made.text("appId"));
  EXPECT_EQ(graph("GET", fmt::format("/applications(appId='{}')", kPlatform)).status, 404U);
  EXPECT_EQ(graph("GET", "/applications?$filter=startswith(displayName,'mi')").at("value")->get_array().size(), 1U);

  auto secret = graph("POST", path + "/addPassword", json::object{{"passwordCredential", {{"displayName", "s"}}}});
  ASSERT_EQ(secret.status, 200U) << secret.body;
  EXPECT_EQ(secret.text("secretText").substr(0, 3), secret.text("hint"));
  EXPECT_TRUE(graph("GET", path).at("passwordCredentials")->get_array().at(0).at("secretText").is_null());
  std::ifstream state(folder_ + "/azure-state.json");
  std::string text((std::istreambuf_iterator<char>(state)), {});
  EXPECT_EQ(text.find(secret.text("secretText")), std::string::npos) << "only its hash is kept";
  EXPECT_EQ(graph("POST", path + "/removePassword", json::object{{"keyId", secret.text("keyId")}}).status, 204U);
  EXPECT_EQ(graph("POST", path + "/removePassword", json::object{{"keyId", secret.text("keyId")}}).status, 400U);

  auto federated = json::object{
      {"name", "f"}, {"issuer", "https://i.example"}, {"subject", "s"}, {"audiences", {"api://AzureADTokenExchange"}}};
  auto added = graph("POST", path + "/federatedIdentityCredentials", federated);
  ASSERT_EQ(added.status, 201U) << added.body;
  EXPECT_EQ(graph("POST", path + "/federatedIdentityCredentials", federated).status, 409U);
  federated["audiences"] = json::array{"a", "b"};
  EXPECT_EQ(graph("POST", path + "/federatedIdentityCredentials", federated).status, 400U);
  EXPECT_EQ(graph("GET", path + "/federatedIdentityCredentials").at("value")->get_array().size(), 1U);
  EXPECT_EQ(graph("GET", path + "/federatedIdentityCredentials/f").text("issuer"), "https://i.example");
  EXPECT_EQ(graph("DELETE", path + "/federatedIdentityCredentials/" + added.text("id")).status, 204U);
  EXPECT_EQ(graph("DELETE", path).status, 204U);
  EXPECT_EQ(graph("GET", path).status, 404U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
