// The guide's steps 1 to 4 as requests over real TLS through the proxy; then the platform's own way in.
#include <sys/stat.h>

#include "clouds/azure/emulator/testing/azure_fixture.hpp"
#include "crypto/certificate.hpp"
#include "crypto/jwt.hpp"

namespace latchkey::clouds::azure::emulator::testing {
namespace {

constexpr std::string_view kCryptoUser = "12338af0-0e69-4776-bea7-57ae8d297424";

class GuideTest : public AzureTest {
 protected:
  GuideTest() : key_(foreign_rsa_key()) {
    auto now = SystemClock().now();
    crypto::CertificateRequest request{
        "platform", {}, {}, now - std::chrono::hours(24 * 365 * 2), now + std::chrono::hours(24 * 365)};
    certificate_ = crypto::make_self_signed_certificate(key_, request, random_).value();
  }

  SeedOptions seed(bool bare) const {
    SeedOptions options;
    options.bare = bare;
    options.platform_certificate_pem = certificate_;
    return options;
  }

  Reply platform_token(const std::string& tenant) {
    auto info = crypto::read_certificate(certificate_).value();
    auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count();
    json::object header{{"x5t#S256", base64url_encode(info.sha256_thumbprint)}};
    json::object claims{
        {"iss", kPlatform}, {"sub", kPlatform}, {"aud", token_url(tenant)}, {"jti", std::to_string(++ids_)},
        {"nbf", now},       {"exp", now + 600}};
    return post_form(
        token_url(tenant),
        {{"client_id", std::string(kPlatform)},
         {"scope", "https://vault.azure.net/.default"},
         {"grant_type", "client_credentials"},
         {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
         {"client_assertion", crypto::jwt_sign(key_, crypto::RsaSignature::Ps256, header, claims).value()}});
  }

  crypto::RsaKey key_;
  std::string certificate_;
  int ids_ = 0;
};

TEST_F(GuideTest, StepByStepFromABareCloud) {
  start(seed(true));
  EXPECT_TRUE(cloud_.platform_principal_id.empty());

  // Before consent the platform's app is not in the customer's tenant.
  auto refused = platform_token(cloud_.tenant_id);
  EXPECT_EQ(refused.status, 400U);
  EXPECT_EQ(refused.aadsts(), 700016) << refused.body;
  EXPECT_EQ(refused.text("error"), "unauthorized_client");

  // 1. az ad sp create --id
  auto known = graph("GET", "/applications?$filter=appId%20eq%20'8635ae1a-3e5d-44e8-a4ed-e0f614466f87'");
  EXPECT_EQ(known.status, 200U) << known.body;
  EXPECT_TRUE(known.at("value")->get_array().empty()) << "the app lives in another tenant";
  auto consent = graph("POST", "/servicePrincipals", json::object{{"appId", kPlatform}, {"accountEnabled", true}});
  ASSERT_EQ(consent.status, 201U) << consent.body;
  EXPECT_EQ(consent.text("displayName"), "anthropic-cmek-client-us");
  auto principal = consent.text("id");
  auto again = graph("POST", "/servicePrincipals", json::object{{"appId", kPlatform}});
  EXPECT_EQ(again.status, 409U);
  EXPECT_EQ(again.code(), "Request_MultipleObjectsWithSameKeyValue");
  EXPECT_EQ(again.message(),
            "The service principal cannot be created, updated, or restored because the service principal name "
            "8635ae1a-3e5d-44e8-a4ed-e0f614466f87 is already in use.");
  auto shown = graph("GET",
                     "/servicePrincipals?$filter=servicePrincipalNames/any(c:c%20eq%20'8635ae1a-3e5d-44e8-a4ed-"
                     "e0f614466f87')");
  ASSERT_EQ(shown.status, 200U) << shown.body;
  ASSERT_EQ(shown.at("value")->get_array().size(), 1U);
  EXPECT_EQ(shown.at("value")->get_array()[0].at("id").as_string(), principal);

  // 2. az keyvault key create
  auto key = vault("POST", "keys/guide/create",
                   json::object{{"kty", "RSA"}, {"key_size", 3072}, {"key_ops", {"wrapKey", "unwrapKey"}}});
  ASSERT_EQ(key.status, 200U) << key.body;
  EXPECT_EQ(base64url_decode(key.text("key.n")).value().size(), 384U);

  // 3. az role assignment create, at the key
  auto roles =
      arm("GET",
          cloud_.vault_resource_id +
              "/keys/guide/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName%20eq%20'Key%20Vault"
              "%20Crypto%20User'",
          nullptr, "2022-04-01");
  ASSERT_EQ(roles.status, 200U) << roles.body;
  ASSERT_EQ(roles.at("value")->get_array().size(), 1U);
  EXPECT_EQ(roles.at("value")->get_array()[0].at("name").as_string(), kCryptoUser);
  auto token = platform_token(cloud_.tenant_id);
  ASSERT_EQ(token.status, 200U) << token.body;
  auto wrap = [&](const std::string& version = {}) {
    return vault("POST", "keys/guide" + version + "/wrapkey",
                 json::object{{"alg", "RSA-OAEP-256"}, {"value", base64url_encode(Bytes(32, 7))}},
                 token.text("access_token"));
  };
  EXPECT_EQ(wrap().inner(), "ForbiddenByRbac");
  auto assigned = assign_role(cloud_.vault_resource_id + "/keys/guide", std::string(kCryptoUser), principal,
                              "7a0b5e0e-6b7e-4b0e-9d0e-3f1f5f3c2a11");
  ASSERT_EQ(assigned.status, 201U) << assigned.body;
  EXPECT_EQ(assigned.text("properties.scope"), cloud_.vault_resource_id + "/keys/guide");

  // 4. az keyvault show
  auto found = arm("GET",
                   "/subscriptions/" + cloud_.subscription_id +
                       "/resources?$filter=resourceType%20eq%20'Microsoft.KeyVault%2Fvaults'",
                   nullptr, "2015-11-01");
  ASSERT_EQ(found.status, 200U) << found.body;
  EXPECT_EQ(found.at("value")->get_array().at(0).at("id").as_string(), cloud_.vault_resource_id);
  auto vault_shown = arm("GET", cloud_.vault_resource_id);
  ASSERT_EQ(vault_shown.status, 200U);
  EXPECT_TRUE(vault_shown.at("properties.enableRbacAuthorization")->as_bool());
  EXPECT_TRUE(vault_shown.at("properties.enablePurgeProtection")->as_bool());
  EXPECT_EQ(vault_shown.text("properties.publicNetworkAccess"), "Enabled");
  EXPECT_EQ(vault_shown.text("properties.networkAcls.defaultAction"), "Allow");
  EXPECT_EQ(vault_shown.text("properties.vaultUri"), cloud_.vault_uri);
  EXPECT_EQ(vault_shown.text("properties.tenantId"), cloud_.tenant_id);

  // The platform then wraps without a version, and unwraps with the version from that response.
  auto wrapped = wrap();
  ASSERT_EQ(wrapped.status, 200U) << wrapped.body;
  auto kid = wrapped.text("kid");
  EXPECT_EQ(kid, key.text("key.kid"));
  auto unwrapped = call("POST", kid + "/unwrapkey?api-version=7.4", token.text("access_token"),
                        json::object{{"alg", "RSA-OAEP-256"}, {"value", wrapped.text("value")}});
  ASSERT_EQ(unwrapped.status, 200U) << unwrapped.body;
  EXPECT_EQ(unwrapped.text("value"), base64url_encode(Bytes(32, 7)));

  auto lines = audit_lines();
  auto count = [&](std::string_view operation, int status) {
    return std::count_if(lines.begin(), lines.end(), [&](const json::object& line) {
      return line.at("operationName").as_string() == operation &&
             line.at("properties").at("httpStatusCode").to_number<int>() == status;
    });
  };
  EXPECT_EQ(count("KeyCreate", 200), 1);
  EXPECT_EQ(count("KeyWrap", 403), 1);
  EXPECT_EQ(count("KeyWrap", 200), 1);
  EXPECT_EQ(count("KeyUnwrap", 200), 1);
  EXPECT_EQ(count("VaultGet", 200), 1);
  const auto& last = lines.back();
  EXPECT_EQ(
      last.at("resourceId").as_string(), "/SUBSCRIPTIONS/" + [](std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
        return text;
      }(cloud_.subscription_id) + "/RESOURCEGROUPS/LATCHKEY-DEV/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/LATCHKEY-DEV");
  EXPECT_EQ(last.at("time").as_string(), "2026-06-01T00:00:00.0000000Z");
  EXPECT_EQ(last.at("callerIpAddress").as_string(), "203.0.113.9");
  EXPECT_EQ(last.at("identity").at("claim").at("appid").as_string(), kPlatform);
  EXPECT_EQ(
      last.at("identity").at("claim").at("http://schemas.microsoft.com/identity/claims/objectidentifier").as_string(),
      principal);
  EXPECT_EQ(last.at("properties").at("id").as_string(), kid);
}

TEST_F(GuideTest, SeededCloudHasTheCustomersSideDone) {
  start(seed(false));
  EXPECT_FALSE(cloud_.platform_principal_id.empty());
  auto token = platform_token(cloud_.tenant_id);
  ASSERT_EQ(token.status, 200U) << token.body;
  auto key = vault("GET", "keys/" + cloud_.key_name, nullptr, token.text("access_token"));
  ASSERT_EQ(key.status, 200U) << key.body;
  EXPECT_EQ(json::serialize(*key.at("key.key_ops")), R"(["wrapKey","unwrapKey"])");
  // The role is for this key alone.
  EXPECT_EQ(vault("GET", "keys", nullptr, token.text("access_token")).inner(), "ForbiddenByRbac");
  EXPECT_EQ(vault("GET", "keys/other", nullptr, token.text("access_token")).inner(), "ForbiddenByRbac")
      << "a missing key is not told from one without permission";
}

TEST_F(GuideTest, RestartKeepsEverythingAndSeedingAgainChangesNothing) {
  start(seed(false));
  auto first = cloud_;
  auto port = emulator_->vault_port(cloud_.vault_name);
  auto wrapped =
      vault("POST", "keys/" + cloud_.key_name + "/wrapkey", json::object{{"alg", "RSA-OAEP-256"}, {"value", "AAAA"}});
  ASSERT_EQ(wrapped.status, 200U) << wrapped.body;
  auto disabled = vault("PATCH", "keys/" + cloud_.key_name, json::object{{"attributes", {{"enabled", false}}}});
  ASSERT_EQ(disabled.status, 200U) << disabled.body;
  auto old_token = vault_token_;
  stop();

  struct stat state {};
  ASSERT_EQ(::stat((folder_ + "/azure-state.json").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777, 0600U);

  start(seed(false));
  EXPECT_EQ(cloud_.admin_client_secret, first.admin_client_secret);
  EXPECT_EQ(cloud_.platform_principal_id, first.platform_principal_id);
  EXPECT_EQ(cloud_.vault_resource_id, first.vault_resource_id);
  EXPECT_EQ(emulator_->vault_port(cloud_.vault_name), port);
  auto key = vault("GET", "keys/" + cloud_.key_name, nullptr, old_token);
  ASSERT_EQ(key.status, 200U) << key.body;
  EXPECT_FALSE(key.at("attributes.enabled")->as_bool()) << "what the customer did stays done";
  EXPECT_EQ(vault("PATCH", "keys/" + cloud_.key_name, json::object{{"attributes", {{"enabled", true}}}}).status, 200U);
  auto unwrapped = vault("POST", wrapped.text("kid").substr(cloud_.vault_uri.size()) + "/unwrapkey",
                         json::object{{"alg", "RSA-OAEP-256"}, {"value", wrapped.text("value")}});
  EXPECT_EQ(unwrapped.text("value"), "AAAA") << unwrapped.body;
}

// kill -9 leaves the file as it was when the last response was sent.
TEST_F(GuideTest, WhatWasAcknowledgedIsInTheFile) {
  start(seed(false));
  auto key = vault("POST", "keys/late/create", json::object{{"kty", "EC"}});
  ASSERT_EQ(key.status, 200U) << key.body;
  auto left = new_folder();
  std::filesystem::copy_file(folder_ + "/azure-state.json", left + "/azure-state.json");
  stop();
  std::filesystem::remove_all(folder_);
  folder_ = left;
  start(seed(false));
  EXPECT_EQ(vault("GET", "keys/late").text("key.kid"), key.text("key.kid"));
}

TEST_F(GuideTest, OneProcessHasTheFolder) {
  start(seed(true));
  auto second = Emulator::start(boost::asio::system_executor(), options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
}

TEST_F(GuideTest, ADamagedStateIsSaidAndLeftAlone) {
  start(seed(true));
  stop();
  auto path = folder_ + "/azure-state.json";
  std::ofstream(path, std::ios::trunc) << R"({"format":1,"tls":{}})";
  auto started = Emulator::start(boost::asio::system_executor(), options_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::Invalid);
  EXPECT_NE(started.error().message().find(path), std::string::npos) << started.error().message();
}

TEST_F(GuideTest, TheProxyKeepsEverythingOnThisMachine) {
  start(seed(true));
  auto gone = send("GET", "https://no-such-vault.vault.azure.net/keys?api-version=7.4");
  EXPECT_FALSE(gone.failure.empty());
  EXPECT_EQ(failure_, http::TransportFailure::UnknownName);
  auto outside = send("GET", "https://example.com/");
  EXPECT_FALSE(outside.failure.empty());
  EXPECT_EQ(failure_, http::TransportFailure::ProxyFailed);
}

TEST_F(GuideTest, EachVaultListensOnAPortOfItsOwn) {
  start(seed(false));
  ASSERT_FALSE(cloud_.vault_direct_uri.empty());
  auto origin = cloud_.vault_direct_uri.substr(0, cloud_.vault_direct_uri.size() - 1);
  auto challenged = send("GET", origin + "/keys?api-version=7.4", {}, {}, true);
  EXPECT_EQ(challenged.status, 401U) << challenged.failure;
  EXPECT_EQ(challenged.headers.get("www-authenticate"), "Bearer authorization=\"https://login.microsoftonline.com/" +
                                                            cloud_.tenant_id + "\", resource=\"" + origin + "\"");
  // A token for the resource that the challenge names, and one for vaults at large.
  for (const auto& resource : {origin, std::string("https://vault.azure.net")}) {
    auto key = send("GET", origin + "/keys/" + cloud_.key_name + "?api-version=7.4",
                    {{"authorization", "Bearer " + admin_token(resource)}}, {}, true);
    ASSERT_EQ(key.status, 200U) << key.body;
    EXPECT_TRUE(key.text("key.kid").starts_with(origin + "/keys/")) << key.text("key.kid");
  }
  auto foreign = admin_token("https://127.0.0.1:1");
  auto refused = send("GET", origin + "/keys?api-version=7.4", {{"authorization", "Bearer " + foreign}}, {}, true);
  EXPECT_EQ(refused.status, 401U);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator::testing
