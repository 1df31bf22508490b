#include "clouds/azure/provider/challenge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/provider/reasons.hpp"
#include "clouds/azure/provider/testing/fake_azure.hpp"

namespace latchkey::clouds::azure {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kOther = "11111111-2222-4333-8444-555555555555";

KeyTarget target(std::string tenant = std::string(testing::FakeAzure::kTenant)) {
  return {{"contoso.vault.azure.net", "https://vault.azure.net"}, "k", std::move(tenant), "app", "7.4"};
}

TEST(Challenge, ReadsEveryFormInUse) {
  struct Case {
    std::string text, tenant, resource, error;
  };
  std::string tenant(testing::FakeAzure::kTenant);
  for (const auto& c : {
           Case{"Bearer authorization=\"https://login.microsoftonline.com/" + tenant +
                    "\", resource=\"https://vault.azure.net\"",
                tenant, "https://vault.azure.net", ""},
           Case{
               "bearer resource=\"https://vault.azure.net\",authorization=\"https://login.windows.net/" + tenant + "\"",
               tenant, "https://vault.azure.net", ""},
           Case{"Bearer authorization_uri=\"https://login.microsoftonline.com/" + tenant +
                    "/oauth2/authorize\" scope=\"https://vault.azure.net/.default\"",
                tenant, "https://vault.azure.net", ""},
           Case{"Bearer realm=\"\", authorization=https://login.microsoftonline.com/" + tenant +
                    ", error=\"insufficient_claims\", claims=\"eyJ9\\\"x\"",
                tenant, "", "insufficient_claims"},
           Case{"Bearer", "", "", ""},
           Case{"Bearer authorization=\"http://login.microsoftonline.com/x\"", "", "", ""},
       }) {
    auto challenge = parse_challenge(c.text);
    ASSERT_TRUE(challenge) << c.text;
    EXPECT_EQ(challenge->tenant, c.tenant) << c.text;
    EXPECT_EQ(challenge->resource, c.resource);
    EXPECT_EQ(challenge->error, c.error);
  }
}

TEST(Challenge, RefusesWhatIsNone) {
  for (const std::string& text :
       std::vector<std::string>{"", "Basic realm=\"x\"", "Bearerx a=\"b\"", "Bearer a=\"unclosed", "Bearer =\"x\"",
                                "Bearer novalue", "Bearer a=\"x\\", "Bearer a=\"" + std::string(9000, 'x') + "\""}) {
    EXPECT_FALSE(parse_challenge(text)) << text.substr(0, 60);
  }
}

TEST(Challenge, TheRegisteredTenantAndResourcePass) {
  EXPECT_TRUE(check_challenge({std::string(testing::FakeAzure::kTenant), "https://vault.azure.net", ""}, target()));
  EXPECT_TRUE(check_challenge({"72F988BF-86F1-41AF-91AB-2D7CD011DB47", "https://VAULT.azure.net/", ""}, target()));
  EXPECT_TRUE(check_challenge({}, target()));
  EXPECT_TRUE(check_challenge({std::string(kOther), "", ""}, target("contoso.onmicrosoft.com")));
}

TEST(Challenge, AnotherTenantIsNamed) {
  auto checked = check_challenge({std::string(kOther), "https://vault.azure.net", ""}, target());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::KeyDenied);
  EXPECT_EQ(checked.error().reason, reason::kTenantMismatch);
  EXPECT_THAT(checked.error().message(), HasSubstr(std::string(kOther)));
  EXPECT_THAT(checked.error().message(), HasSubstr(std::string(testing::FakeAzure::kTenant)));
  EXPECT_THAT(checked.error().message(), HasSubstr("az keyvault show --name contoso"));
}

TEST(Challenge, AnotherResourceIsRefused) {
  for (std::string resource : {"https://vault.azure.cn", "https://evil.example", "https://azure.net"}) {
    auto checked = check_challenge({std::string(testing::FakeAzure::kTenant), resource, ""}, target());
    ASSERT_FALSE(checked) << resource;
    EXPECT_EQ(checked.error().code, ErrorCode::KeyDenied);
    EXPECT_EQ(checked.error().reason, reason::kWrongCloud);
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure
