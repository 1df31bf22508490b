#include "admin/lease_policies.hpp"

#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct LeasePoliciesTest : ::testing::Test {
  testing::AdminFixture fixture;
  LeasePolicies policies{fixture.store(), fixture.clock, fixture.random, {60s, 1h}};
};

TEST_F(LeasePoliciesTest, WithoutOneTheServersHold) {
  auto policy = fixture.run(policies.get(fixture.admin())).value();
  EXPECT_EQ(policy.ages, (keyring::LeaseAges{60s, 1h}));
  EXPECT_TRUE(policy.inherited);
}

TEST_F(LeasePoliciesTest, AnotherOrganisationsAreItsOwn) {
  ASSERT_TRUE(fixture.run(policies.set(fixture.admin(), {30s, 30s})));
  auto stranger = fixture.admin();
  stranger.organization = fixture.other.organization.id;
  EXPECT_TRUE(fixture.run(policies.get(stranger)).value().inherited);
}

TEST_F(LeasePoliciesTest, TheOperatorsBoundIsToldWithItsCure) {
  for (auto soft : {milliseconds(5min) + 1ms, milliseconds(24h)}) {
    auto set = fixture.run(policies.set(fixture.admin(), {soft, 24h}));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::Invalid);
    EXPECT_EQ(
        set.error().message(),
        "soft_seconds must be at most 300 on this server: a revocation would take longer to work than its operator "
        "allows (keyring.most_soft). Set 300 or less, or have the operator raise it.");
  }
  EXPECT_TRUE(fixture.run(policies.get(fixture.admin())).value().inherited);
  EXPECT_TRUE(fixture.run(policies.set(fixture.admin(), {5min, 24h})));
  // The server's own ages are always allowed.
  LeasePolicies slow(fixture.store(), fixture.clock, fixture.random, {10min, 1h});
  EXPECT_TRUE(fixture.run(slow.set(fixture.admin(), {10min, 1h})));
  EXPECT_FALSE(fixture.run(slow.set(fixture.admin(), {10min + 1ms, 1h})));
}

TEST_F(LeasePoliciesTest, OutOfBoundsNothingIsSet) {
  struct Case {
    keyring::LeaseAges ages;
    std::string_view message;
  };
  for (const auto& [ages, message] :
       {Case{{999ms, 1h}, "soft_seconds must be at least 1s"},
        Case{{60s, 59s},
             "hard_seconds must not be below soft_seconds; set it equal to switch the bridging of outages off"},
        Case{{60s, 24h + 1ms}, "hard_seconds must be at most 24h"}}) {
    auto set = fixture.run(policies.set(fixture.admin(), ages));
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, ErrorCode::Invalid);
    EXPECT_EQ(set.error().message(), message);
  }
  EXPECT_TRUE(fixture.run(policies.get(fixture.admin())).value().inherited);
}

}  // namespace
}  // namespace latchkey::admin
