#include "clouds/azure/provider/vault_uri.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::clouds::azure {
namespace {

using ::testing::HasSubstr;

TEST(VaultUri, TakesVaultsOfTheConfiguredCloud) {
  struct Case {
    std::string_view text, host, resource;
  };
  for (const auto& c :
       {Case{"https://contoso.vault.azure.net/", "contoso.vault.azure.net", "https://vault.azure.net"},
        Case{"https://contoso.vault.azure.net", "contoso.vault.azure.net", "https://vault.azure.net"},
        Case{"HTTPS://Contoso-1.Vault.Azure.Net/", "contoso-1.vault.azure.net", "https://vault.azure.net"},
        Case{"https://hsm.managedhsm.azure.net/", "hsm.managedhsm.azure.net", "https://managedhsm.azure.net"}}) {
    auto uri = parse_vault_uri(c.text, public_cloud_suffixes());
    ASSERT_TRUE(uri) << c.text;
    EXPECT_EQ(uri.value().host, c.host);
    EXPECT_EQ(uri.value().resource, c.resource);
  }
}

TEST(VaultUri, RefusesEverythingElseAndSaysWhy) {
  struct Case {
    std::string_view text, complaint;
  };
  for (const auto& c : {
           Case{"", "must begin with https://"},
           Case{"http://contoso.vault.azure.net/", "must begin with https://"},
           Case{"contoso.vault.azure.net", "must begin with https://"},
           Case{"https://contoso.vault.azure.net:443/", "must not name a port"},
           Case{"https://me@contoso.vault.azure.net/", "must not name a user"},
           Case{"https://contoso.vault.azure.net@evil.example/", "must not name a user"},
           Case{"https://contoso.vault.azure.net/keys", "without a path"},
           Case{"https://contoso.vault.azure.net//", "without a path"},
           Case{"https://contoso.vault.azure.net/?x=.vault.azure.net", "without a path"},
           Case{"https://contoso.vault.azure.net#.vault.azure.net", "without a path"},
           Case{"https://evil.example\\.vault.azure.net/", "without a path"},
           Case{"https://127.0.0.1/", "not an address"},
           Case{"https://[::1]/", "not an address"},
           Case{"https://localhost/", "a host that ends in .vault.azure.net or .managedhsm.azure.net"},
           Case{"https://contoso.vault.azure.net.evil.example/", "a host that ends in"},
           Case{"https://contosovault.azure.net/", "a host that ends in"},
           Case{"https://evilvault.azure.net/", "a host that ends in"},
           Case{"https://contoso.vault.azure.cn/", "a host that ends in"},
           Case{"https://.vault.azure.net/", "one name"},
           Case{"https://vault.azure.net/", "a host that ends in"},
           Case{"https://a.b.vault.azure.net/", "one name"},
           Case{"https://con%74oso.vault.azure.net/", "one name"},
           Case{"https://-contoso.vault.azure.net/", "one name"},
           Case{"https://contoso.vault.azure.net./", "a host that ends in"},
           Case{"https://c\xc3\xb6ntoso.vault.azure.net/", "one name"},
           Case{"https://con toso.vault.azure.net/", "one name"},
       }) {
    auto uri = parse_vault_uri(c.text, public_cloud_suffixes());
    ASSERT_FALSE(uri) << c.text;
    EXPECT_EQ(uri.error().code, ErrorCode::Invalid);
    EXPECT_THAT(uri.error().message(), HasSubstr(c.complaint));
    EXPECT_THAT(uri.error().message(), HasSubstr("https://contoso.vault.azure.net/"));
  }
}

TEST(VaultUri, MessagesCarryNoControlCharacters) {
  auto uri = parse_vault_uri("https://evil\r\nlog line/", public_cloud_suffixes());
  ASSERT_FALSE(uri);
  EXPECT_EQ(uri.error().message().find_first_of("\r\n"), std::string::npos);
}

TEST(VaultUri, AnEmptyListOfSuffixesAllowsNothing) {
  EXPECT_FALSE(parse_vault_uri("https://contoso.vault.azure.net/", {}));
}

TEST(KeyName, Checks) {
  for (std::string_view good : {"k", "My-Key-1", "-"}) EXPECT_TRUE(check_key_name(good)) << good;
  EXPECT_TRUE(check_key_name(std::string(127, 'a')));
  for (std::string_view bad : {"", "a/b", "a_b", "a.b", "a%2fb", "k\n", "../k"}) {
    auto checked = check_key_name(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_EQ(checked.error().code, ErrorCode::Invalid);
  }
  EXPECT_FALSE(check_key_name(std::string(128, 'a')));
}

TEST(TenantId, TakesGuidsAndDomains) {
  for (std::string_view good :
       {"72f988bf-86f1-41af-91ab-2d7cd011db47", "72F988BF-86F1-41AF-91AB-2D7CD011DB47", "contoso.onmicrosoft.com"}) {
    EXPECT_TRUE(check_tenant_id(good)) << good;
  }
  for (std::string_view bad : {"", "common", "a/b.com", "contoso..com", ".com", "contoso.com/oauth2", "contoso.com?x=1",
                               "10.0.0.1", "contoso.com#", "a b.com"}) {
    auto checked = check_tenant_id(bad);
    ASSERT_FALSE(checked) << bad;
    EXPECT_THAT(checked.error().message(), HasSubstr("az keyvault show"));
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
