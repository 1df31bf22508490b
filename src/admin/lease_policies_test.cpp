#include "admin/lease_policies.hpp"

#include <gtest/gtest.h>

#include "admin/compartments.hpp"
#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct LeasePoliciesTest : ::testing::Test {
  testing::AdminFixture fixture;
  LeasePolicies policies{fixture.store(), fixture.clock, fixture.random, {60s, 1h}};
  Compartments compartments{fixture.store(), fixture.clouds};

  std::optional<keyring::LeaseAges> ages_of(const std::string& workspace) {
    auto who = fixture.admin();
    who.role = store::Role::Service;
    auto opened = fixture.run(compartments.open(who, workspace, Purpose::Encrypt)).value();
    return opened.ages;
  }
};

TEST_F(LeasePoliciesTest, WithoutOneTheServersHold) {
  auto policy = fixture.run(policies.get(fixture.admin())).value();
  EXPECT_EQ(policy.ages, (keyring::LeaseAges{60s, 1h}));
  EXPECT_TRUE(policy.inherited);
}

TEST_F(LeasePoliciesTest, AnOrganisationsOwnHoldFromTheNextRequestOn) {
  auto workspace = fixture.make_workspace();
  ASSERT_TRUE(fixture.attach(workspace.id, fixture.make_key().row.id));
  EXPECT_FALSE(ages_of(workspace.id));
  ASSERT_TRUE(fixture.run(policies.set(fixture.admin(), {30s, 30s})));
  EXPECT_EQ(ages_of(workspace.id), (keyring::LeaseAges{30s, 30s}));
  ASSERT_TRUE(fixture.run(policies.set(fixture.admin(), {20s, 10min})));
  EXPECT_EQ(ages_of(workspace.id), (keyring::LeaseAges{20s, 10min}));
  auto policy = fixture.run(policies.get(fixture.admin())).value();
  EXPECT_FALSE(policy.inherited);
  ASSERT_TRUE(fixture.run(policies.reset(fixture.admin())));
  EXPECT_FALSE(ages_of(workspace.id));
  EXPECT_TRUE(fixture.run(policies.get(fixture.admin())).value().inherited);
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

// The policy is from before the operator allowed less.
TEST_F(LeasePoliciesTest, WhatIsStoredAboveTheBoundCountsAsTheBound) {
  auto workspace = fixture.make_workspace();
  ASSERT_TRUE(fixture.attach(workspace.id, fixture.make_key().row.id));
  struct Case {
    keyring::LeaseAges stored;
    keyring::LeaseAges holds;
  };
  for (const auto& [stored, holds] : {Case{{24h, 24h}, {5min, 5min}}, Case{{10min, 1h}, {5min, 1h}},
                                      Case{{5min, 24h}, {5min, 24h}}, Case{{1s, 1s}, {1s, 1s}}}) {
    store::LeasePolicy row{fixture.own.organization.id, stored.soft, stored.hard};
    ASSERT_TRUE(fixture.run(fixture.store().write([&](store::Transaction& tx) { return tx.put(row); })));
    EXPECT_EQ(ages_of(workspace.id), holds);
    EXPECT_EQ(fixture.run(policies.get(fixture.admin())).value().ages, holds);
  }
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
