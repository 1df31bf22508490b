#include "clouds/azure/emulator/testing/azure_fixture.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"
#include "testing/matchers.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

using latchkey::testing::IsError;

using Fields = std::vector<std::pair<std::string, std::string>>;

class EntraTest : public AzureTest {
 protected:
  void SetUp() override {
    SeedOptions options;
    options.bare = true;
    start(options);
  }
  Fields good() const {
    return {{"grant_type", "client_credentials"},
            {"client_id", cloud_.admin_client_id},
            {"client_secret", cloud_.admin_client_secret},
            {"scope", "https://vault.azure.net/.default"}};
  }
  static Fields with(Fields fields, const std::string& name, const std::string& value) {
    for (auto& [key, present] : fields) {
      if (key == name) present = value;
    }
    return fields;
  }
  static Fields without(Fields fields, const std::string& name) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    return fields;
  }
};

TEST_F(EntraTest, IssuesTokensInTheV1FormThatTheJwksVerifies) {
  auto reply = post_form(token_url(cloud_.tenant_id), good());
  ASSERT_EQ(reply.status, 200U) << reply.body;
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_EQ(reply.at("expires_in")->to_number<int>(), 3599);
  EXPECT_EQ(reply.at("ext_expires_in")->to_number<int>(), 3599);
  EXPECT_EQ(reply.headers.get("cache-control"), "no-store, no-cache");
  EXPECT_EQ(reply.headers.get("pragma"), "no-cache");

  auto jwt = crypto::jwt_parse(reply.text("access_token")).value();
  EXPECT_EQ(jwt.algorithm, crypto::RsaSignature::Rs256);
  EXPECT_EQ(crypto::jwt_text(jwt, "aud"), "https://vault.azure.net");
  EXPECT_EQ(crypto::jwt_text(jwt, "iss"), "https://sts.windows.net/" + cloud_.tenant_id + "/");
  EXPECT_EQ(crypto::jwt_text(jwt, "appid"), cloud_.admin_client_id);
  EXPECT_EQ(crypto::jwt_text(jwt, "appidacr"), "1");
  EXPECT_EQ(crypto::jwt_text(jwt, "tid"), cloud_.tenant_id);
  EXPECT_EQ(crypto::jwt_text(jwt, "idtyp"), "app");
  EXPECT_EQ(crypto::jwt_text(jwt, "ver"), "1.0");
  EXPECT_EQ(crypto::jwt_text(jwt, "oid"), crypto::jwt_text(jwt, "sub"));

  auto keys = send("GET", "https://login.microsoftonline.com/common/discovery/v2.0/keys");
  ASSERT_EQ(keys.status, 200U);
  const auto& jwk = keys.at("keys")->get_array().at(0).as_object();
  EXPECT_EQ(jwk.at("kid").as_string(), jwt.header.at("kid").as_string());
  EXPECT_TRUE(crypto::jwt_signature_valid(jwt, crypto::from_jwk(jwk).value()));
}

TEST_F(EntraTest, StripsExactlyTheDefaultSuffix) {
  for (const auto& [scope, audience] :
       Fields{{"https://management.core.windows.net//.default", "https://management.core.windows.net/"},
              {"https://graph.microsoft.com//.default", "https://graph.microsoft.com/"},
              {"https://vault.azure.net/.default", "https://vault.azure.net"}}) {
    auto reply = post_form(token_url(cloud_.tenant_id), with(good(), "scope", scope));
    ASSERT_EQ(reply.status, 200U) << reply.body;
    EXPECT_EQ(crypto::jwt_text(crypto::jwt_parse(reply.text("access_token")).value(), "aud"), audience);
  }
}

TEST_F(EntraTest, TakesTheV1FormBasicAuthorizationDomainsAndOtherParameters) {
  auto v1 = without(good(), "scope");
  v1.emplace_back("resource", "https://management.core.windows.net/");
  EXPECT_EQ(post_form("https://login.windows.net/" + cloud_.tenant_id + "/oauth2/token", v1).status, 200U);

  auto extra = good();
  extra.emplace_back("client_info", "1");
  extra.emplace_back("claims", R"({"access_token":{"xms_cc":{"values":["CP1"]}}})");
  EXPECT_EQ(post_form(token_url("contoso.onmicrosoft.com") + "?client-request-id=x", extra).status, 200U);

  auto pair = cloud_.admin_client_id + ":" + cloud_.admin_client_secret;
  auto basic = send("POST", token_url(cloud_.tenant_id),
                    {{"authorization", "Basic " + base64_encode(as_bytes(pair))},
                     {"content-type", "application/x-www-form-urlencoded"}},
                    "grant_type=client_credentials&scope=https%3A%2F%2Fvault.azure.net%2F.default");
  EXPECT_EQ(basic.status, 200U) << basic.body;
}

TEST_F(EntraTest, TheV1EndpointRespondsInTexts) {
  auto v1 = without(good(), "scope");
  v1.emplace_back("resource", "https://vault.azure.net");
  auto base = "https://login.microsoftonline.com/" + cloud_.tenant_id;
  auto reply = post_form(base + "/oauth2/token?api-version=1.0", v1);
  ASSERT_EQ(reply.status, 200U) << reply.body;
  auto now = 1'780'272'000;  // where the clock stands, 2026-06-01
  EXPECT_EQ(reply.text("token_type"), "Bearer");
  EXPECT_EQ(reply.text("expires_in"), "3599");
  EXPECT_EQ(reply.text("ext_expires_in"), "3599");
  EXPECT_EQ(reply.text("expires_on"), std::to_string(now + 3599));
  EXPECT_EQ(reply.text("not_before"), std::to_string(now - 300));
  EXPECT_EQ(reply.text("resource"), "https://vault.azure.net");
  auto jwt = crypto::jwt_parse(reply.text("access_token")).value();
  EXPECT_EQ(crypto::jwt_time(jwt, "exp")->time_since_epoch().count(), now + 3599);
  EXPECT_EQ(crypto::jwt_time(jwt, "nbf")->time_since_epoch().count(), now - 300);

  auto missing = post_form(base + "/oauth2/token", without(good(), "scope"));
  EXPECT_EQ(missing.aadsts(), 900144);
  EXPECT_NE(missing.text("error_description").find("'resource'"), std::string::npos);
  EXPECT_EQ(post_form(base + "/oauth2/token", good()).text("resource"), "https://vault.azure.net");
  auto v2 = post_form(base + "/oauth2/v2.0/token", good());
  EXPECT_TRUE(v2.at("expires_in")->is_int64());
  EXPECT_EQ(v2.at("expires_on"), nullptr);
  EXPECT_EQ(v2.at("resource"), nullptr);
}

TEST_F(EntraTest, AResourceAtTheV2EndpointMustFitTheScope) {
  auto both = good();
  both.emplace_back("resource", "https://vault.azure.net/");
  EXPECT_EQ(post_form(token_url(cloud_.tenant_id), both).status, 200U);
  auto other = with(both, "resource", "https://graph.microsoft.com");
  EXPECT_EQ(post_form(token_url(cloud_.tenant_id), other).aadsts(), 9010010);
  EXPECT_EQ(post_form(token_url(cloud_.tenant_id), without(both, "scope")).aadsts(), 900144);
  EXPECT_EQ(post_form(token_url(cloud_.tenant_id), with(good(), "scope", " https://vault.azure.net/.default ")).status,
            200U);
}

TEST_F(EntraTest, TakesPathsAsClientsJoinThem) {
  auto form = without(good(), "scope");
  form.emplace_back("resource", "https://vault.azure.net");
  for (const auto& path :
       {"//" + cloud_.tenant_id + "/oauth2/token", "/" + cloud_.tenant_id + "//oauth2/token",
        "/" + cloud_.tenant_id + "//oauth2//token/", "/" + upper(cloud_.tenant_id) + "/OAuth2/Token"}) {
    auto reply = post_form("https://login.microsoftonline.com" + path + "?api-version=1.0", form);
    EXPECT_EQ(reply.status, 200U) << path << reply.body;
    EXPECT_EQ(reply.text("expires_in"), "3599") << path;
  }
  EXPECT_EQ(post_form("https://login.windows.net//" + cloud_.tenant_id + "/oauth2/v2.0/token", good()).status, 200U);
  EXPECT_EQ(
      send("GET", "https://login.microsoftonline.com//" + cloud_.tenant_id + "//v2.0/.well-known/openid-configuration")
          .status,
      200U);
  // The same of the other services.
  auto vault_token = admin_token("https://vault.azure.net");
  EXPECT_EQ(call("GET", cloud_.vault_uri + "/keys?api-version=7.4", vault_token).status, 200U) << cloud_.vault_uri;
  auto arm_token = admin_token("https://management.azure.com/");
  EXPECT_EQ(call("GET", "https://management.azure.com//subscriptions/?api-version=2022-12-01", arm_token).status, 200U);
  auto graph_token = admin_token("https://graph.microsoft.com/");
  EXPECT_EQ(call("GET", "https://graph.microsoft.com//v1.0//servicePrincipals/", graph_token).status, 200U);
  auto origin = fmt::format("https://127.0.0.1:{}", emulator_->tls_port());
  auto locally = send("GET", origin + "//subscriptions?api-version=2022-12-01",
                      {{"authorization", "Bearer " + arm_token}}, {}, true);
  EXPECT_EQ(locally.status, 200U) << locally.body;
}

TEST_F(EntraTest, RefusesEachFaultWithItsNumberStatusAndError) {
  struct Case {
    const char* what;
    std::string tenant;
    Fields fields;
    unsigned status;
    int number;
    std::string error;
  };
  auto here = cloud_.tenant_id;
  const Case cases[] = {
      {"wrong secret", here, with(good(), "client_secret", "guess"), 401, 7000215, "invalid_client"},
      {"no credential", here, without(good(), "client_secret"), 401, 7000216, "invalid_client"},
      {"unknown app", here, with(good(), "client_id", "11111111-1111-4111-8111-111111111111"), 400, 700016,
       "unauthorized_client"},
      {"app of another tenant", cloud_.platform_tenant_id, good(), 400, 700016, "unauthorized_client"},
      {"unknown tenant", "22222222-2222-4222-8222-222222222222", good(), 400, 90002, "invalid_request"},
      {"unknown domain", "nobody.onmicrosoft.com", good(), 400, 90002, "invalid_request"},
      {"not a tenant", "nonsense", good(), 400, 900023, "invalid_request"},
      {"no grant", here, without(good(), "grant_type"), 400, 900144, "invalid_request"},
      {"no client", here, without(good(), "client_id"), 400, 900144, "invalid_request"},
      {"no scope", here, without(good(), "scope"), 400, 900144, "invalid_request"},
      {"other grant", here, with(good(), "grant_type", "password"), 400, 70003, "unsupported_grant_type"},
      {"bare scope", here, with(good(), "scope", "https://vault.azure.net"), 400, 70011, "invalid_scope"},
      {"two scopes", here, with(good(), "scope", "https://a/.default https://b/.default"), 400, 70011, "invalid_scope"},
      {"other resource", here, with(good(), "scope", "https://example.com/.default"), 400, 500011, "invalid_resource"},
  };
  for (const auto& c : cases) {
    auto reply = post_form(token_url(c.tenant), c.fields);
    EXPECT_EQ(reply.status, c.status) << c.what << reply.body;
    EXPECT_EQ(reply.aadsts(), c.number) << c.what << reply.body;
    EXPECT_EQ(reply.text("error"), c.error) << c.what;
    EXPECT_TRUE(reply.text("error_description").starts_with("AADSTS" + std::to_string(c.number) + ": ")) << reply.body;
    EXPECT_NE(reply.text("error_description").find("Trace ID: " + reply.text("trace_id")), std::string::npos);
  }
}

TEST_F(EntraTest, ErrorsEchoTheCorrelationIdAndNameTheTenant) {
  auto reply =
      send("POST", token_url(cloud_.tenant_id), {{"client-request-id", "0c0ffee0-0000-4000-8000-000000000000"}},
           "grant_type=client_credentials&client_id=33333333-3333-4333-8333-333333333333&scope=x/.default");
  EXPECT_EQ(reply.text("correlation_id"), "0c0ffee0-0000-4000-8000-000000000000");
  EXPECT_TRUE(
      reply.text("error_description")
          .starts_with("AADSTS700016: Application with identifier '33333333-3333-4333-8333-333333333333' was not "
                       "found in the directory 'Contoso'. This can happen if the application has not been "
                       "installed by the administrator of the tenant or consented to by any user in the tenant. "
                       "You may have sent your authentication request to the wrong tenant. Trace ID: "))
      << reply.body;
  EXPECT_EQ(reply.text("timestamp"), "2026-06-01 00:00:00Z");
  EXPECT_EQ(reply.text("error_uri"), "https://login.microsoftonline.com/error?code=700016");
}

TEST_F(EntraTest, ADisabledServicePrincipalGetsNoToken) {
  auto service = make_service("worker");
  EXPECT_FALSE(token_of(service, "https://vault.azure.net").empty());
  ASSERT_EQ(
      graph("PATCH", "/servicePrincipals/" + service.principal_id, json::object{{"accountEnabled", false}}).status,
      204U);
  auto reply = post_form(token_url(cloud_.tenant_id),
                         with(with(good(), "client_id", service.app_id), "client_secret", service.secret));
  EXPECT_EQ(reply.status, 400U);
  EXPECT_EQ(reply.aadsts(), 7000112);
}

TEST_F(EntraTest, FederatedCredentialsStandForTheApp) {
  auto service = make_service("federated");
  ASSERT_TRUE(
      emulator_->federate(service.app_id, Emulator::workload_issuer(), "system:sa", "api://AzureADTokenExchange", {}));
  EXPECT_THAT(emulator_->federate("44444444-4444-4444-8444-444444444444", "i", "s", "a", {}),
              IsError(ErrorCode::NotFound));
  auto ask = [&](const std::string& subject) {
    auto token = emulator_->sign_workload_token(subject, "api://AzureADTokenExchange", std::chrono::hours(1)).value();
    return post_form(token_url(cloud_.tenant_id),
                     {{"grant_type", "client_credentials"},
                      {"client_id", service.app_id},
                      {"scope", "https://vault.azure.net/.default"},
                      {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                      {"client_assertion", token}});
  };
  auto admitted = ask("system:sa");
  ASSERT_EQ(admitted.status, 200U) << admitted.body;
  EXPECT_EQ(crypto::jwt_text(crypto::jwt_parse(admitted.text("access_token")).value(), "appidacr"), "2");
  auto refused = ask("system:other");
  EXPECT_EQ(refused.status, 401U);
  EXPECT_EQ(refused.aadsts(), 700213);
}

TEST_F(EntraTest, Discovery) {
  auto config =
      send("GET", "https://login.microsoftonline.com/" + cloud_.tenant_id + "/v2.0/.well-known/openid-configuration");
  ASSERT_EQ(config.status, 200U);
  EXPECT_EQ(config.text("token_endpoint"), token_url(cloud_.tenant_id));
  EXPECT_EQ(config.text("issuer"), "https://login.microsoftonline.com/" + cloud_.tenant_id + "/v2.0");
  EXPECT_EQ(config.text("msgraph_host"), "graph.microsoft.com");
  auto missing = send("GET",
                      "https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/v2.0/.well-known/"
                      "openid-configuration");
  EXPECT_EQ(missing.status, 400U);
  EXPECT_EQ(missing.text("error"), "invalid_tenant");
  EXPECT_EQ(missing.aadsts(), 90002);
  auto instance =
      send("GET",
           "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint="
           "https%3A%2F%2Flogin.microsoftonline.com%2F" +
               cloud_.tenant_id + "%2Foauth2%2Fv2.0%2Fauthorize");
  ASSERT_EQ(instance.status, 200U) << instance.body;
  EXPECT_EQ(instance.at("metadata")->get_array().at(0).at("aliases").as_array().size(), 4U);
  auto unknown =
      send("GET",
           "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint="
           "https%3A%2F%2Fevil.example%2Fcommon");
  EXPECT_EQ(unknown.status, 400U);
  EXPECT_EQ(unknown.text("error"), "invalid_instance");
}

TEST_F(EntraTest, RespondsWithoutAProxyAndAsAdFs) {
  auto origin = fmt::format("https://127.0.0.1:{}", emulator_->tls_port());
  auto config = send("GET", origin + "/adfs/.well-known/openid-configuration", {}, {}, true);
  EXPECT_EQ(config.text("token_endpoint"), origin + "/adfs/oauth2/token") << config.body << config.failure;
  std::string body = "grant_type=client_credentials&client_id=" + cloud_.admin_client_id +
                     "&client_secret=" + cloud_.admin_client_secret + "&scope=" + percent_encode(origin + "//.default");
  auto token = send("POST", origin + "/adfs/oauth2/token", {}, body, true);
  ASSERT_EQ(token.status, 200U) << token.body;
  auto listed = send("GET", origin + "/subscriptions?api-version=2019-11-01",
                     {{"authorization", "Bearer " + token.text("access_token")}}, {}, true);
  EXPECT_EQ(listed.status, 200U) << listed.body;
  EXPECT_TRUE(token.at("expires_in")->is_int64()) << "AD FS responds with numbers";
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
