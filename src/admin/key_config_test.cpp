#include "admin/key_config.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "kms/azure/vault_uri.hpp"

namespace latchkey::admin {
namespace {

constexpr std::string_view kTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";

Result<KeyConfig> parse(std::string_view text) {
  return parse_key_config(boost::json::parse(text), "provider_config", kms::azure::public_cloud_suffixes());
}

std::string azure(std::string_view vault_uri) {
  return R"({"type":"azure","vault_uri":")" + std::string(vault_uri) + R"(","key_name":"cmek","tenant_id":")" +
         std::string(kTenant) + "\"}";
}

TEST(KeyConfig, ReadsAzureAndShowsItAsRegistered) {
  auto config = parse(azure("https://contoso.vault.azure.net/"));
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config.value().provider, "azure");
  EXPECT_EQ(std::get<kms::AzureKey>(config.value().location),
            (kms::AzureKey{"https://contoso.vault.azure.net/", "cmek", std::string(kTenant), std::nullopt}));
  EXPECT_EQ(boost::json::serialize(to_json(config.value())),
            R"({"type":"azure","vault_uri":"https://contoso.vault.azure.net/","key_name":"cmek",)"
            R"("tenant_id":"72f988bf-86f1-41af-91ab-2d7cd011db47","client_id":null})");
}

TEST(KeyConfig, TakesAClientIdAndManagedHsm) {
  auto config = parse(R"({"type":"azure","vault_uri":"https://hsm1.managedhsm.azure.net","key_name":"k",)"
                      R"("tenant_id":"contoso.onmicrosoft.com","client_id":"8635ae1a-3e5d-44e8-a4ed-e0f614466f87"})");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(std::get<kms::AzureKey>(config.value().location).client_id, "8635ae1a-3e5d-44e8-a4ed-e0f614466f87");
}

TEST(KeyConfig, ComesBackFromTheStore) {
  auto config = parse(azure("https://contoso.vault.azure.net/")).value();
  store::ExternalKey row;
  row.id = "ekey_1";
  row.provider = config.provider;
  row.provider_config = boost::json::serialize(to_json(config));
  auto back = stored_key_config(row);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back.value().location, config.location);
  for (auto damaged : {"", "[]", "{}", R"({"type":"azure"})"}) {
    row.provider_config = damaged;
    ASSERT_FALSE(stored_key_config(row)) << damaged;
    EXPECT_EQ(stored_key_config(row).error().code, ErrorCode::Internal);
  }
  row.provider_config = boost::json::serialize(to_json(config));
  row.provider = "gcp";
  EXPECT_EQ(stored_key_config(row).error().code, ErrorCode::Internal);
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
    EXPECT_EQ(config.error().message, c.message) << c.json;
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
                   "contoso.vault.azure.net",
                   "//contoso.vault.azure.net",
                   "https://contoso.vault.azure.net.",
                   "https://contoso.vault.azure.net\\\\@example.com",
                   "",
                   " "}) {
    auto config = parse(azure(uri));
    ASSERT_FALSE(config) << uri;
    EXPECT_EQ(config.error().code, ErrorCode::Invalid);
    EXPECT_TRUE(config.error().message.starts_with("provider_config.vault_uri: ")) << config.error().message;
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
      {with("a/b", kTenant, "null"), "provider_config.key_name: "},
      {with("", kTenant, "null"), "provider_config.key_name: "},
      {with("../secrets/x", kTenant, "null"), "provider_config.key_name: "},
      {with("k?x", kTenant, "null"), "provider_config.key_name: "},
      {with(std::string(128, 'k'), kTenant, "null"), "provider_config.key_name: "},
      {with("k", "", "null"), "provider_config.tenant_id: "},
      {with("k", "../common", "null"), "provider_config.tenant_id: "},
      {with("k", kTenant, "\"not-a-guid\""), "provider_config.client_id: "},
      {with("k", kTenant, "\"\""), "provider_config.client_id: "},
      {with("k", kTenant, "5"), "provider_config.client_id: "},
  };
  for (const auto& c : kCases) {
    auto config = parse(c.json);
    ASSERT_FALSE(config) << c.json;
    EXPECT_EQ(config.error().code, ErrorCode::Invalid);
    EXPECT_TRUE(config.error().message.starts_with(c.path)) << config.error().message;
  }
}

}  // namespace
}  // namespace latchkey::admin
