#include "data/compartments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/lease_policies.hpp"
#include "admin/testing/admin_fixture.hpp"
#include "testing/matchers.hpp"

namespace latchkey::data {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorThatSays;

using namespace std::chrono_literals;

struct CompartmentsTest : ::testing::Test {
  admin::testing::AdminFixture fixture;
  Compartments compartments{fixture.store(), fixture.clouds, fixture.clock};

  audit::Caller caller(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    auto who = fixture.admin();
    who.role = role;
    who.workspace_id = std::move(workspace);
    return who;
  }
  Result<keyring::Compartment> open(audit::Caller who, std::string id, Purpose purpose = Purpose::Encrypt) {
    LATCHKEY_TRY(auto opened, fixture.run(compartments.open(who, id, purpose)));
    return *opened;
  }
};

TEST_F(CompartmentsTest, WithoutAKeyThePlatformsOwnServes) {
  auto workspace = fixture.make_workspace();
  auto opened = open(caller(store::Role::Service), workspace.id);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened.value().organization, fixture.own.organization.id);
  EXPECT_EQ(opened.value().id, workspace.compartment);
  EXPECT_EQ(opened.value().workspace_id, workspace.id);
  EXPECT_FALSE(opened.value().external_key_id);
  EXPECT_EQ(opened.value().key, kms::KeyLocation{});
}

TEST_F(CompartmentsTest, WithAKeyItsLocationIsGiven) {
  auto workspace = fixture.make_workspace();
  auto key = fixture.make_key();
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  auto opened = open(caller(store::Role::Workspace, workspace.id), workspace.id).value();
  EXPECT_EQ(opened.external_key_id, key.row.id);
  EXPECT_EQ(opened.key, kms::KeyLocation(admin::testing::AdminFixture::new_key().key));
}

TEST_F(CompartmentsTest, RolesWithoutDataStayOut) {
  auto workspace = fixture.make_workspace();
  for (auto role : {store::Role::Admin, store::Role::Compliance}) {
    EXPECT_THAT(open(caller(role), workspace.id), IsError(ErrorCode::PermissionDenied));
  }
}

TEST_F(CompartmentsTest, OtherWorkspacesAreNotThere) {
  auto mine = fixture.make_workspace("mine");
  auto sibling = fixture.make_workspace("sibling");
  auto foreign = fixture.other.default_workspace.id;
  EXPECT_THAT(open(caller(store::Role::Workspace, mine.id), sibling.id), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Workspace, mine.id), foreign), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Workspace), mine.id), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Service), foreign), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Service), "wrkspc_none"), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Service), ""), IsError(ErrorCode::NotFound));
}

TEST_F(CompartmentsTest, AnArchivedWorkspaceIsReadOnly) {
  auto workspace = fixture.make_workspace();
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_THAT(open(caller(store::Role::Service), workspace.id), IsError(ErrorCode::Invalid));
  EXPECT_TRUE(open(caller(store::Role::Service), workspace.id, Purpose::Decrypt));
}

// While it is known what other processes change.
struct RememberedTest : CompartmentsTest {
  RememberedTest() {
    EXPECT_TRUE(fixture.attach(workspace.id, key.row.id));
    know();
  }
  void know() { fixture.store().changes().known_up_to(fixture.clock.age_time()); }
  int look_ups(Purpose purpose = Purpose::Encrypt) {
    fixture.store().look_ups = 0;
    auto opened = open(caller(store::Role::Service), workspace.id, purpose);
    EXPECT_TRUE(opened);
    if (opened) {
      EXPECT_EQ(opened.value().key, kms::KeyLocation(admin::testing::AdminFixture::new_key().key));
    }
    return fixture.store().look_ups;
  }
  Result<keyring::Compartment> open_ours() { return open(caller(store::Role::Service), workspace.id); }

  store::Workspace workspace = fixture.make_workspace();
  decltype(fixture.make_key()) key = fixture.make_key();
};

TEST_F(RememberedTest, AWorkspaceIsLookedUpOnceUntilItsOrganizationChanges) {
  EXPECT_EQ(look_ups(), 1);
  EXPECT_EQ(look_ups(), 0);
  EXPECT_EQ(look_ups(Purpose::Decrypt), 0);
  fixture.store().changes().note(fixture.other.organization.id);
  EXPECT_EQ(look_ups(), 0);
  fixture.store().changes().note(fixture.own.organization.id);
  EXPECT_EQ(look_ups(), 1);
  fixture.clock.advance(store::kTrustedFor);
  EXPECT_EQ(look_ups(), 1) << "nothing is known of others any more";
}

TEST_F(RememberedTest, ItIsNobodyElses) {
  ASSERT_TRUE(open_ours());
  auto foreign = caller(store::Role::Service);
  foreign.organization = fixture.other.organization.id;
  EXPECT_THAT(open(foreign, workspace.id), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Workspace, "wrkspc_other"), workspace.id), IsError(ErrorCode::NotFound));
  EXPECT_THAT(open(caller(store::Role::Compliance), workspace.id), IsError(ErrorCode::PermissionDenied));
  EXPECT_EQ(look_ups(), 0) << "and their asking changes nothing";
}

TEST_F(RememberedTest, AnArchivedOneIsSoInTheSameInstant) {
  ASSERT_TRUE(open_ours());
  fixture.store().after_write = [this]() -> Task<void> {
    fixture.store().after_write = nullptr;
    auto late = co_await compartments.open(caller(store::Role::Service), workspace.id, Purpose::Encrypt);
    EXPECT_THAT(late, IsError(ErrorCode::Invalid));
  };
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_EQ(fixture.store().after_write, nullptr);
}

TEST_F(RememberedTest, ASuspendedKeyIsSoInTheSameInstantUntilItIsResumed) {
  ASSERT_TRUE(open_ours());
  auto suspend = [this](store::Transaction& tx) {
    return tx.insert(store::ExternalKeySuspension{.external_key_id = key.row.id,
                                                  .organization = fixture.own.organization.id,
                                                  .suspended_at = fixture.clock.now(),
                                                  .suspended_by = "apikey_1",
                                                  .reason = std::nullopt});
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(suspend)));
  EXPECT_THAT(open_ours(), IsError(ErrorCode::KeyDenied));
  fixture.store().look_ups = 0;
  EXPECT_THAT(open_ours(), IsError(ErrorCode::KeyDenied));
  EXPECT_EQ(fixture.store().look_ups, 0);
  auto resume = [this](store::Transaction& tx) { return tx.erase_suspension(fixture.own.organization.id, key.row.id); };
  ASSERT_TRUE(fixture.run(fixture.store().write(resume)));
  EXPECT_TRUE(open_ours());
}

TEST_F(RememberedTest, WhatIsRefusedIsNotRemembered) {
  fixture.store().look_up_error = Error{ErrorCode::Unavailable, "as the test says"};
  EXPECT_THAT(open_ours(), IsError(ErrorCode::ContextUnavailable));
  fixture.store().look_up_error.reset();
  EXPECT_EQ(look_ups(), 1);
  fixture.store().look_up_error = Error{ErrorCode::Unavailable, "as the test says"};
  EXPECT_TRUE(open_ours()) << "a remembered one outlives a failure of the store";
  fixture.clock.advance(store::kTrustedFor);
  EXPECT_THAT(open_ours(), IsError(ErrorCode::ContextUnavailable)) << "but not for long";
}

// As time goes by, and other processes change nothing.
struct LookAheadTest : RememberedTest {
  void pass(std::chrono::milliseconds time) {
    fixture.clock.advance(time);
    know();
  }
  int look_ahead() {
    fixture.store().look_ups = 0;
    EXPECT_GT(fixture.run(compartments.look_ahead()), 0ms);
    return fixture.store().look_ups;
  }
};

TEST_F(LookAheadTest, WhatIsAskedForIsReadAgainBeforeARequestHasTo) {
  EXPECT_EQ(look_ups(), 1);
  pass(Compartments::kLookAheadAfter - 1ms);
  EXPECT_EQ(look_ups(), 0);
  EXPECT_EQ(look_ahead(), 0) << "it is young";
  pass(1ms);
  EXPECT_EQ(look_ups(), 0);
  EXPECT_EQ(look_ups(), 0);
  EXPECT_EQ(look_ahead(), 1);
  EXPECT_EQ(look_ahead(), 0) << "once";
  pass(store::kRememberedFor - Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 0);
}

TEST_F(LookAheadTest, WhatNobodyAsksForIsForgotten) {
  EXPECT_EQ(look_ups(), 1);
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ahead(), 0);
  pass(store::kRememberedFor - Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 1);
}

TEST_F(LookAheadTest, ManyAreReadTogether) {
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.push_back(fixture.make_workspace("Many").id);
  know();
  auto open_all = [&] {
    fixture.store().look_ups = 0;
    for (const auto& id : ids) EXPECT_TRUE(open(caller(store::Role::Service), id));
    return fixture.store().look_ups;
  };
  EXPECT_EQ(open_all(), 40);
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(open_all(), 0);
  EXPECT_EQ(look_ahead(), 2);
  pass(store::kRememberedFor - Compartments::kLookAheadAfter);
  EXPECT_EQ(open_all(), 0);
}

TEST_F(LookAheadTest, AChangeIsReadAgainLikeEverythingElse) {
  EXPECT_EQ(look_ups(), 1);
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 0);
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_EQ(look_ahead(), 1);
  fixture.store().look_ups = 0;
  EXPECT_THAT(open_ours(), IsError(ErrorCode::Invalid));
  EXPECT_EQ(fixture.store().look_ups, 0);
}

TEST_F(LookAheadTest, AnArchivalWhileItReadsIsNotOverlooked) {
  EXPECT_EQ(look_ups(), 1);
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 0);
  // What was read as of a moment before a change is not trusted, however late it arrives.
  fixture.store().after_look_up = [this]() -> Task<void> {
    fixture.store().after_look_up = nullptr;
    EXPECT_TRUE(co_await fixture.workspaces->archive(fixture.admin(), workspace.id));
  };
  EXPECT_EQ(look_ahead(), 1);
  EXPECT_THAT(open_ours(), IsError(ErrorCode::Invalid));
}

TEST_F(LookAheadTest, AStoreThatCannotBeReadIsLeftToTheNextRequest) {
  EXPECT_EQ(look_ups(), 1);
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 0);
  fixture.store().look_up_error = Error{ErrorCode::Unavailable, "as the test says"};
  EXPECT_EQ(look_ahead(), 1);
  EXPECT_TRUE(open_ours());
  pass(store::kRememberedFor - Compartments::kLookAheadAfter);
  EXPECT_THAT(open_ours(), IsError(ErrorCode::ContextUnavailable));
  fixture.store().look_up_error.reset();
  EXPECT_EQ(look_ups(), 1);
}

TEST_F(LookAheadTest, ADamagedRowIsNoMatterToItsNeighbours) {
  auto other = fixture.make_workspace("Other");
  know();
  auto open_other = [&] { return open(caller(store::Role::Service), other.id); };
  EXPECT_EQ(look_ups(), 1);
  EXPECT_TRUE(open_other());
  pass(Compartments::kLookAheadAfter);
  EXPECT_EQ(look_ups(), 0);
  EXPECT_TRUE(open_other());
  auto damage = [row = key.row](store::Transaction& tx) mutable {
    row.provider_config = "{}";
    return tx.update(row);
  };
  ASSERT_TRUE(fixture.run(fixture.store().write(damage)));
  EXPECT_EQ(look_ahead(), 1);
  fixture.store().look_ups = 0;
  EXPECT_TRUE(open_other());
  EXPECT_EQ(fixture.store().look_ups, 0);
  EXPECT_THAT(open_ours(), IsError(ErrorCode::ContextUnavailable));
}

TEST_F(LookAheadTest, AWorkspaceIsForeseenForWhoeverAsksAndNothingChanges) {
  compartments.foresee("");
  compartments.foresee(workspace.id);
  compartments.foresee(std::string(1'000, 'x'));
  EXPECT_EQ(look_ups(), 1);
  compartments.foresee(workspace.id);
  EXPECT_EQ(look_ups(), 0);
}

// A store that is not reachable.
class BrokenStore final : public store::Store {
 public:
  Task<Result<store::SealCounts>> check_seals() override { co_return Error{}; }
  Task<Result<store::SealProgress>> reseal(store::SealProgress, std::size_t) override { co_return Error{}; }
  Task<Result<void>> purge(std::optional<Uuid>) override {
    co_return Error{ErrorCode::Unavailable, "the disk is gone"};
  }
  store::Changes& changes() override { return changes_; }

 protected:
  Task<Result<void>> run(Access, std::function<Result<void>(store::Transaction&)>) override {
    co_return Error{ErrorCode::Unavailable, "the disk is gone"};
  }

 private:
  store::Changes changes_;
};

TEST_F(CompartmentsTest, FailsClosedWhereTheStoreCannotBeRead) {
  BrokenStore broken;
  Compartments blind(broken, fixture.clouds, fixture.clock);
  auto opened = fixture.run(blind.open(caller(store::Role::Service), "wrkspc_1", Purpose::Encrypt));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::ContextUnavailable);
  EXPECT_TRUE(opened.error().retry_after);
}

TEST_F(CompartmentsTest, FailsClosedWhereTheKeysRowIsDamaged) {
  auto workspace = fixture.make_workspace();
  auto key = fixture.make_key();
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  key.row.provider_config = "{}";
  auto damage = [row = key.row](store::Transaction& tx) { return tx.update(row); };
  ASSERT_TRUE(fixture.run(fixture.store().write(damage)));
  EXPECT_THAT(open(caller(store::Role::Service), workspace.id), IsError(ErrorCode::ContextUnavailable));
}

struct LeaseAgesTest : CompartmentsTest {
  admin::LeasePolicies policies{fixture.store(), fixture.clock, fixture.random, {60s, 1h}};

  std::optional<keyring::LeaseAges> ages_of(const std::string& workspace) {
    return open(caller(store::Role::Service), workspace).value().ages;
  }
};

TEST_F(LeaseAgesTest, AnOrganisationsOwnHoldFromTheNextRequestOn) {
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

// The policy is from before the operator allowed less.
TEST_F(LeaseAgesTest, WhatIsStoredAboveTheBoundCountsAsTheBound) {
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

struct SuspendedCompartmentTest : CompartmentsTest {
  admin::ExternalKeyView key = fixture.make_key();
  store::Workspace workspace = fixture.make_workspace();

  void suspend(std::optional<std::string> reason = "incident 7") {
    store::ExternalKeySuspension row{.external_key_id = key.row.id,
                                     .organization = key.row.organization,
                                     .suspended_at = fixture.clock.now(),
                                     .suspended_by = "apikey_1",
                                     .reason = std::move(reason)};
    auto insert = [row](store::Transaction& tx) { return tx.insert(row); };
    ASSERT_TRUE(fixture.run(fixture.store().write(insert)));
  }
  Result<keyring::Compartment> open_as_service(Purpose purpose, std::string id) {
    return open(caller(store::Role::Service), std::move(id), purpose);
  }
};

TEST_F(SuspendedCompartmentTest, SaysWhoWhenWhyAndWhatEndsIt) {
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  suspend();
  for (auto purpose : {Purpose::Encrypt, Purpose::Decrypt}) {
    auto refused = open_as_service(purpose, workspace.id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
    EXPECT_EQ(refused.error().reason, "suspended");
    EXPECT_EQ(refused.error().message(),
              "external key " + key.row.id + " was suspended here by apikey_1 at " +
                  format_timestamp(fixture.clock.now()) +
                  " (\"incident 7\"). An admin of the organisation ends it: latchkey keys resume " + key.row.id);
  }
  // No other workspace is refused.
  EXPECT_TRUE(open_as_service(Purpose::Encrypt, fixture.own.default_workspace.id));
  auto other = fixture.make_key("other");
  auto elsewhere = fixture.make_workspace("elsewhere");
  ASSERT_TRUE(fixture.attach(elsewhere.id, other.row.id));
  EXPECT_TRUE(open_as_service(Purpose::Encrypt, elsewhere.id));
}

TEST_F(SuspendedCompartmentTest, AReasonIsNotNeeded) {
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  suspend(std::nullopt);
  EXPECT_THAT(open_as_service(Purpose::Decrypt, workspace.id),
              IsErrorThatSays(::testing::Not(::testing::HasSubstr("("))));
}

}  // namespace
}  // namespace latchkey::data
