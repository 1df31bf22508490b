#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/customer/testing/fake_platform.hpp"
#include "clouds/azure/customer/testing/sample_state.hpp"

namespace latchkey::clouds::azure::customer {
namespace {

using ::testing::HasSubstr;
using namespace customer::testing;
using Outcome = RoundTrip::Outcome;

TEST(RoundTrips, NeedAnAdminKey) {
  auto trip = try_round_trip(nullptr, good_state());
  EXPECT_EQ(trip.outcome, Outcome::NotTried);
  EXPECT_THAT(trip.cure, HasSubstr("LATCHKEY_ADMIN_KEY"));
}

TEST(RoundTrips, AreTheValidationOfTheRegisteredKey) {
  FakePlatform platform;
  platform.registered = {{"ekey_0", "https://fabrikam.vault.azure.net", "cmek", std::string(kTenant), false},
                         {"ekey_1", "https://CONTOSO.vault.azure.net", "CMEK", std::string(kTenant), false}};
  EXPECT_EQ(try_round_trip(&platform, good_state()).outcome, Outcome::Succeeded);
  EXPECT_EQ(platform.validated, std::vector<std::string>{"ekey_1"});
  platform.outcomes = {{false, "the key is disabled"}};
  auto failed = try_round_trip(&platform, good_state());
  EXPECT_EQ(failed.outcome, Outcome::Failed);
  EXPECT_EQ(failed.found, "ekey_1: the key is disabled");
}

TEST(RoundTrips, SayWhereTheRegistrationIsWrong) {
  FakePlatform platform;
  platform.registered = {{"ekey_0", "https://fabrikam.vault.azure.net/", "cmek", std::string(kTenant), false}};
  auto elsewhere = try_round_trip(&platform, good_state());
  EXPECT_EQ(elsewhere.outcome, Outcome::NotTried);
  EXPECT_THAT(elsewhere.found, HasSubstr("ekey_0 of the same name is in another vault, https://fabrikam"));
  EXPECT_THAT(elsewhere.cure, HasSubstr("latchkey keys create --vault-uri https://contoso.vault.azure.net/"));
  platform.registered = {{"ekey_1", "https://contoso.vault.azure.net/", "cmek", "other-tenant", false}};
  auto tenant = try_round_trip(&platform, good_state());
  EXPECT_EQ(tenant.outcome, Outcome::Failed);
  EXPECT_THAT(tenant.found, HasSubstr("registered with the tenant other-tenant"));
  EXPECT_THAT(tenant.cure, HasSubstr("latchkey keys update ekey_1"));
  EXPECT_TRUE(platform.validated.empty());
}

TEST(RoundTrips, AreNotTriedWhereNobodyResponds) {
  FakePlatform platform;
  platform.fault = Error{ErrorCode::Unavailable, "no server answers"};
  auto trip = try_round_trip(&platform, good_state());
  EXPECT_EQ(trip.outcome, Outcome::NotTried);
  EXPECT_THAT(trip.found, HasSubstr("no server answers"));
}

}  // namespace
}  // namespace latchkey::clouds::azure::customer
