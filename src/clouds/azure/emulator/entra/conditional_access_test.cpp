#include "clouds/azure/emulator/entra/conditional_access.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::clouds::azure::emulator {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

const std::string kTenant = "11111111-1111-4111-8111-111111111111";
const std::string kOtherTenant = "22222222-2222-4222-8222-222222222222";
const std::string kApp = "aaaaaaaa-1111-4111-8111-111111111111";

Model directory() {
  Model model;
  model.seed.emplace();
  model.seed->customer_tenant_id = kTenant;
  model.service_principals["p"] = {"p", kApp, kTenant, true, 0, {}};
  model.service_principals["q"] = {"q", kApp, kOtherTenant, true, 0, {}};
  return model;
}

TEST(ConditionalAccess, WhatIsWrongIsNamed) {
  struct Case {
    std::string text;
    std::string complaint;
  };
  const Case kCases[] = {
      {"{}", "app_id: Field required"},
      {R"({"app_id":"contoso"})", "app_id: Input should be a GUID"},
      {R"({"app_id":"bbbbbbbb-1111-4111-8111-111111111111"})", "has no service principal of the app bbbbbbbb"},
      {R"({"app_id":")" + kApp + R"(","tenant_id":"33333333-3333-4333-8333-333333333333"})",
       "has no service principal"},
      {R"({"app_id":")" + kApp + R"(","tenant_id":1})", "tenant_id: "},
      {R"({"app_id":")" + kApp + R"(","display_name":""})", "display_name: "},
      {R"({"app_id":")" + kApp + R"(","users":[]})", "users: Extra inputs are not permitted"},
      {R"({"app_id":")" + kApp + R"(","named_locations":"203.0.113.9"})", "named_locations: Input should be a list"},
      {R"({"app_id":")" + kApp + R"(","named_locations":["203.0.113.9","office"]})", "named_locations.1: Input should"},
      {R"({"app_id":")" + kApp + R"(","named_locations":[7]})", "named_locations.0: Input should"},
      {R"({"app_id":")" + kApp + R"(","named_locations":["203.0.113.0/33"]})", "named_locations.0: Input should"},
  };
  for (const auto& c : kCases) {
    auto policy = policy_from_request(directory(), json::parse(c.text).as_object());
    ASSERT_FALSE(policy) << c.text;
    EXPECT_EQ(policy.error().code, ErrorCode::Invalid);
    EXPECT_THAT(policy.error().message(), HasSubstr(c.complaint)) << c.text;
  }
}

TEST(ConditionalAccess, BlocksThePrincipalOutsideTheNamedLocations) {
  struct Case {
    std::vector<std::string> locations;
    std::string_view address;
    bool is_blocked;
  };
  const Case kCases[] = {
      {{}, "203.0.113.9", true},
      {{"203.0.113.0/24"}, "203.0.113.9", false},
      {{"203.0.113.0/24"}, "203.0.114.9", true},
      {{"203.0.113.77/24"}, "203.0.113.9", false},
      {{"198.51.100.1", "203.0.113.9"}, "203.0.113.9", false},
      {{"203.0.113.0/24"}, "::ffff:203.0.113.9", false},
      {{"2001:db8::/32"}, "2001:db8:1::7", false},
      {{"2001:db8::/32"}, "2001:db9::7", true},
      {{"2001:db8::1"}, "2001:db8::1", false},
      {{"::/0"}, "2001:db8::1", false},
      {{"0.0.0.0/0"}, "2001:db8::1", true},
      {{"0.0.0.0/0"}, "127.0.0.1", false},
      {{"203.0.113.0/24"}, "not an address", true},
  };
  for (const auto& c : kCases) {
    auto model = directory();
    model.conditional_access["1"] = {"1", "block", kTenant, kApp, c.locations};
    auto refused = check_conditional_access(model, kTenant, kApp, c.address);
    EXPECT_EQ(refused.has_value(), c.is_blocked) << c.address;
    if (refused) {
      EXPECT_EQ(refused->number, 53003);
      EXPECT_EQ(refused->status, 400U);
      EXPECT_EQ(refused->error, "access_denied");
    }
  }
}

TEST(ConditionalAccess, IsOfOneTenantAndOneApp) {
  auto model = directory();
  model.conditional_access["1"] = {"1", "block", kTenant, kApp, {}};
  EXPECT_TRUE(check_conditional_access(model, kTenant, kApp, "203.0.113.9"));
  EXPECT_FALSE(check_conditional_access(model, kOtherTenant, kApp, "203.0.113.9"));
  EXPECT_FALSE(check_conditional_access(model, kTenant, "bbbbbbbb-1111-4111-8111-111111111111", "203.0.113.9"));
  // One that allows does not undo another that blocks.
  model.conditional_access["2"] = {"2", "office", kTenant, kApp, {"0.0.0.0/0"}};
  EXPECT_TRUE(check_conditional_access(model, kTenant, kApp, "203.0.113.9"));
}

TEST(ConditionalAccess, TheSeededTenantIsMeantUnlessAnotherIsNamed) {
  auto read = [](const std::string& text) {
    return policy_from_request(directory(), json::parse(text).as_object()).value();
  };
  EXPECT_EQ(read(R"({"app_id":")" + upper(kApp) + "\"}").tenant_id, kTenant);
  EXPECT_EQ(read(R"({"app_id":")" + kApp + R"(","tenant_id":")" + kOtherTenant + "\"}").tenant_id, kOtherTenant);
}

TEST(ConditionalAccess, IsReadAsItWasWritten) {
  ConditionalAccessPolicy policy{"1", "block", kTenant, kApp, {"203.0.113.0/24", "2001:db8::/32"}};
  std::string complaint;
  auto written = to_json(policy);
  auto read = read_policy(JsonReader(written, "", complaint));
  EXPECT_EQ(complaint, "");
  EXPECT_EQ(to_json(read), written);
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
