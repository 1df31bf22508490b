#include "clouds/azure/provider/azure_provider.hpp"

#include <array>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/testing/fake_azure.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "kms/providers.hpp"
#include "store/testing/raw_sqlite.hpp"

namespace latchkey::clouds::azure {
namespace {

const kms::Providers& providers() {
  static constexpr std::array<std::string_view, 3> kOfTheContract{"aws", "azure", "gcp"};
  static const kms::Providers kProviders(nullptr, {make_azure_provider(public_cloud_suffixes(), nullptr)},
                                         kOfTheContract);
  return kProviders;
}

Result<std::shared_ptr<const kms::Key>> parse(std::string_view text) {
  return providers().parse(boost::json::parse(text), "provider_config");
}

AzureKeyConfig config_of(const std::shared_ptr<const kms::Key>& key) {
  return dynamic_cast<const AzureKey&>(*key).config();
}

std::string registration(std::string_view vault_uri) {
  return R"({"type":"azure","vault_uri":")" + std::string(vault_uri) + R"(","key_name":"cmek","tenant_id":")" +
         std::string(testing::FakeAzure::kTenant) + "\"}";
}

TEST(KeyConfig, ReadsAzureAndShowsItAsRegistered) {
  auto key = parse(registration("https://contoso.vault.azure.net/"));
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key.value()->type(), "azure");
  EXPECT_EQ(config_of(key.value()), (AzureKeyConfig{"https://contoso.vault.azure.net/", "cmek",
                                                    std::string(testing::FakeAzure::kTenant), std::nullopt}));
  EXPECT_EQ(boost::json::serialize(key.value()->to_json()),
            R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net/","key_name":"cmek",)"
            R"("tenant_id":"72f988bf-86f1-41af-91ab-2d7cd011db47","client_id":null})");
}

TEST(KeyConfig, TakesAClientIdAndManagedHsm) {
  auto key = parse(R"({"type":"azure","vault_uri":"https://hsm1.managedhsm.azure.net","key_name":"k",)"
                   R"("tenant_id":"contoso.onmicrosoft.com","client_id":"8635ae1a-3e5d-44e8-a4ed-e0f614466f87"})");
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(config_of(key.value()).client_id, "8635ae1a-3e5d-44e8-a4ed-e0f614466f87");
}

TEST(KeyConfig, ComesBackFromTheStoreAndIsReadOnce) {
  auto key = parse(registration("https://contoso.vault.azure.net/")).value();
  auto text = boost::json::serialize(key->to_json());
  auto back = providers().read_stored("azure", text);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(kms::KeyLocation(back.value()), kms::KeyLocation(key));
  EXPECT_EQ(providers().read_stored("azure", text).value(), back.value()) << "the same one";
  for (auto damaged : {"", "[]", "{}", R"({"type":"azure"})"}) {
    EXPECT_FALSE(providers().read_stored("azure", damaged)) << damaged;
  }
  EXPECT_FALSE(providers().read_stored("gcp", text));
}

TEST(KeyConfig, IsOnePlaceAndOneServiceHoweverItIsSpelled) {
  for (const auto* uri : {"https://v.vault.azure.net", "https://V.Vault.Azure.NET", "HTTPS://v.vault.azure.net/"}) {
    AzureKey key({uri, "MyKey", "t", std::nullopt});
    EXPECT_EQ(key.place(), "https://v.vault.azure.net mykey");
    EXPECT_EQ(key.limit_scope().service(), "v.vault.azure.net");
  }
}

// The store keeps places and compares them. Earlier releases wrote them by this SQL, so it must give the same ones.
TEST(KeyConfig, APlaceIsSpelledAsTheStoreHasKeptIt) {
  store::testing::RawSqlite database(":memory:");
  for (const auto* uri :
       {"https://v.vault.azure.net", "https://V.Vault.Azure.NET/", "HTTPS://hsm.managedhsm.azure.net/"}) {
    for (const auto* name : {"cmek", "MyKey-1"}) {
      AzureKey key({uri, name, std::string(testing::FakeAzure::kTenant), std::nullopt});
      auto kept =
          database.query(fmt::format("SELECT rtrim(lower(json_extract(config, '$.vault_uri')), '/') || ' ' || "
                                     "lower(json_extract(config, '$.key_name')) FROM (SELECT '{}' AS config)",
                                     boost::json::serialize(key.to_json())));
      EXPECT_EQ(key.place(), kept);
    }
  }
}

TEST(KeyConfig, RefusesWithThePath) {
  struct Case {
    std::string_view json, message;
  };
  constexpr Case kCases[] = {
      {R"("azure")", "provider_config: Input should be an object"},
      {R"(null)", "provider_config: Input should be an object"},
      {R"({})", "provider_config.type: Field required"},
      {R"({"type":1})", "provider_config.type: Input should be a valid string"},
      {R"({"type":"Azure"})", "provider_config.type: Input should be 'aws', 'azure' or 'gcp'"},
      {R"({"type":"aws","kms_arn":"arn:aws:kms:us-east-1:111122223333:key/abcd","role_arn":null})",
       "provider_config.type: 'aws' is not supported by this server yet; register a key in Azure Key Vault with "
       "'azure'"},
      {R"({"type":"gcp","key_name":"projects/p/locations/us-east5/keyRings/r/cryptoKeys/k"})",
       "provider_config.type: 'gcp' is not supported by this server yet; register a key in Azure Key Vault with "
       "'azure'"},
      {R"({"type":"azure"})", "provider_config.vault_uri: Field required"},
      {R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net"})", "provider_config.key_name: Field required"},
      {R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net","key_name":"k"})",
       "provider_config.tenant_id: Field required"},
      {R"({"type":"azure","vault_uri":7})", "provider_config.vault_uri: Input should be a valid string"},
      {R"({"type":"azure","foo":1})", "provider_config.foo: Extra inputs are not permitted"},
      {R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net","key_name":"k","tenant_id":"t","key_version":"1"})",
       "provider_config.key_version: Extra inputs are not permitted"},
  };
  for (const auto& c : kCases) {
    auto config = parse(c.json);
    ASSERT_FALSE(config) << c.json;
    EXPECT_EQ(config.error().code, ErrorCode::Invalid);
    EXPECT_EQ(config.error().message(), c.message) << c.json;
  }
}

TEST(KeyConfig, RefusesEveryVaultThatIsNotOneOfTheCloud) {
  for (auto uri : {"http://contoso.vault.azure.net",
                   "https://127.0.0.1",
                   "https://[::1]/",
                   "https://2130706433/",
                   "https://localhost",
                   "https://vault.azure.net",
                   "https://.vault.azure.net",
                   "https://example.com",
                   "https://contoso.vault.azure.net.example.com",
                   "https://contosovault.azure.net",
                   "https://a.b.vault.azure.net",
                   "https://contoso.vault.azure.com",
                   "https://contoso.vault.azure.net/keys",
                   "https://contoso.vault.azure.net/?x=1",
                   "https://contoso.vault.azure.net/#x",
                   "https://user@contoso.vault.azure.net",
                   "https://contoso.vault.azure.net@example.com",
                   "https://contoso.vault.azure.net:8443",
                   "https://169.254.169.254/",
                   "https://evilvault.azure.net",
                   "https://user:pw@contoso.vault.azure.net/",
                   "contoso.vault.azure.net",
                   "//contoso.vault.azure.net",
                   "https://contoso.vault.azure.net.",
                   "https://contoso.vault.azure.net\\\\@example.com",
                   "",
                   " "}) {
    auto config = parse(registration(uri));
    ASSERT_FALSE(config) << uri;
    EXPECT_EQ(config.error().code, ErrorCode::Invalid);
    EXPECT_TRUE(config.error().message().starts_with("provider_config.vault_uri: ")) << config.error().message();
  }
}

TEST(KeyConfig, RefusesBadNamesAndIds) {
  auto with = [](std::string_view name, std::string_view tenant, std::string_view client) {
    return R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net","key_name":")" + std::string(name) +
           R"(","tenant_id":")" + std::string(tenant) + R"(","client_id":)" + std::string(client) + "}";
  };
  struct Case {
    std::string json;
    std::string_view path;
  };
  const Case kCases[] = {
      {with("a/b", testing::FakeAzure::kTenant, "null"), "provider_config.key_name: "},
      {with("", testing::FakeAzure::kTenant, "null"), "provider_config.key_name: "},
      {with("../secrets/x", testing::FakeAzure::kTenant, "null"), "provider_config.key_name: "},
      {with("k?x", testing::FakeAzure::kTenant, "null"), "provider_config.key_name: "},
      {with(std::string(128, 'k'), testing::FakeAzure::kTenant, "null"), "provider_config.key_name: "},
      {with("k", "", "null"), "provider_config.tenant_id: "},
      {with("k", "../common", "null"), "provider_config.tenant_id: "},
      {with("k", testing::FakeAzure::kTenant, "\"not-a-guid\""), "provider_config.client_id: "},
      {with("k", testing::FakeAzure::kTenant, "\"\""), "provider_config.client_id: "},
      {with("k", testing::FakeAzure::kTenant, "5"), "provider_config.client_id: "},
  };
  for (const auto& c : kCases) {
    auto config = parse(c.json);
    ASSERT_FALSE(config) << c.json;
    EXPECT_EQ(config.error().code, ErrorCode::Invalid);
    EXPECT_TRUE(config.error().message().starts_with(c.path)) << config.error().message();
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
