#include "admin/suspensions.hpp"

#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

struct SuspensionsTest : ::testing::Test {
  testing::AdminFixture fixture;
  ExternalKeyView key = fixture.make_key();
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
};

TEST_F(SuspensionsTest, ASuspendedKeyIsNeitherValidatedNorAttached) {
  suspend();
  auto outcome = fixture.run(fixture.keys->validate(fixture.admin(), key.row.id));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome.value().success);
  EXPECT_TRUE(outcome.value().error.find("was suspended here by apikey_1") != std::string::npos)
      << outcome.value().error;
  auto attached = fixture.attach(workspace.id, key.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().reason, "external_key_validation_failed");
  EXPECT_EQ(fixture.provider.calls(), 0);
}

// The store could not say whether the key is suspended: that is no failed validation, and says nothing about the key.
TEST_F(SuspensionsTest, WhereTheStoreCannotSayNothingIsToldOfTheKey) {
  fixture.provider.failure = Error{ErrorCode::Unavailable, "the store is busy"};
  auto outcome = fixture.run(fixture.keys->validate(fixture.admin(), key.row.id));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::Unavailable);
  auto attached = fixture.attach(workspace.id, key.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, ErrorCode::Unavailable);
  store::ActivityFilter filter;
  filter.types = {"org_external_key_validated"};
  EXPECT_TRUE(fixture.run(fixture.feed->list(fixture.admin(), filter, {})).value().rows.empty());
}

TEST_F(SuspensionsTest, AnAttachedKeyIsHealthyUntilAnEventSaysOtherwise) {
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  auto find = [this](store::Transaction& tx) { return tx.find_external_key_health(key.row.organization, key.row.id); };
  auto health = fixture.run(fixture.store().read(find)).value();
  ASSERT_TRUE(health);
  EXPECT_EQ(health->state, store::KeyHealthState::Healthy);
  EXPECT_EQ(health->last_success_at, fixture.clock.now());
  // Attaching a second workspace changes nothing that is known by then.
  health->state = store::KeyHealthState::Degraded;
  auto put = [&](store::Transaction& tx) { return tx.put(*health); };
  ASSERT_TRUE(fixture.run(fixture.store().write(put)));
  auto second = fixture.make_workspace("second");
  ASSERT_TRUE(fixture.attach(second.id, key.row.id));
  EXPECT_EQ(fixture.run(fixture.store().read(find)).value(), health);
}

}  // namespace
}  // namespace latchkey::admin
