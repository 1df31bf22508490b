#include "admin/suspension.hpp"

#include <gtest/gtest.h>

#include "admin/compartments.hpp"
#include "admin/testing/world.hpp"

namespace latchkey::admin {
namespace {

struct SuspensionTest : ::testing::Test {
  testing::World world;
  ExternalKeyView key = world.make_key();
  store::Workspace workspace = world.make_workspace();

  void suspend(std::optional<std::string> reason = "incident 7") {
    store::ExternalKeySuspension row{.external_key_id = key.row.id,
                                     .organization = key.row.organization,
                                     .suspended_at = world.clock.now(),
                                     .suspended_by = "apikey_1",
                                     .reason = std::move(reason)};
    auto insert = [row](store::Transaction& tx) { return tx.insert(row); };
    ASSERT_TRUE(world.run(world.store().write(insert)));
  }
  Result<keyring::Compartment> open(Purpose purpose, std::string id) {
    auto caller = world.admin();
    caller.role = store::Role::Service;
    Compartments compartments(world.store());
    return world.run(compartments.open(std::move(caller), std::move(id), purpose));
  }
};

TEST_F(SuspensionTest, SaysWhoWhenWhyAndWhatEndsIt) {
  ASSERT_TRUE(world.attach(workspace.id, key.row.id));
  suspend();
  for (auto purpose : {Purpose::Encrypt, Purpose::Decrypt}) {
    auto refused = open(purpose, workspace.id);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::KeyDenied);
    EXPECT_EQ(refused.error().reason, "suspended");
    EXPECT_EQ(refused.error().message,
              "external key " + key.row.id + " was suspended here by apikey_1 at " +
                  format_timestamp(world.clock.now()) +
                  " (\"incident 7\"). An admin of the organisation ends it: latchkey keys resume " + key.row.id);
  }
  // Nobody else is.
  EXPECT_TRUE(open(Purpose::Encrypt, world.own.default_workspace.id));
  auto other = world.make_key("other");
  auto elsewhere = world.make_workspace("elsewhere");
  ASSERT_TRUE(world.attach(elsewhere.id, other.row.id));
  EXPECT_TRUE(open(Purpose::Encrypt, elsewhere.id));
}

TEST_F(SuspensionTest, AReasonIsNotNeeded) {
  ASSERT_TRUE(world.attach(workspace.id, key.row.id));
  suspend(std::nullopt);
  EXPECT_EQ(open(Purpose::Decrypt, workspace.id).error().message.find('('), std::string::npos);
}

TEST_F(SuspensionTest, ASuspendedKeyIsNeitherValidatedNorAttached) {
  suspend();
  auto outcome = world.run(world.keys->validate(world.admin(), key.row.id));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome.value().success);
  EXPECT_TRUE(outcome.value().error.find("was suspended here by apikey_1") != std::string::npos)
      << outcome.value().error;
  auto attached = world.attach(workspace.id, key.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().reason, "external_key_validation_failed");
  EXPECT_EQ(world.provider.calls(), 0);
}

// Whether it is suspended could not be read: that is no failed validation, and no word of the key's.
TEST_F(SuspensionTest, WhereTheStoreCannotSayNothingIsToldOfTheKey) {
  world.provider.failure = Error{ErrorCode::Unavailable, "the store is busy"};
  auto outcome = world.run(world.keys->validate(world.admin(), key.row.id));
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::Unavailable);
  auto attached = world.attach(workspace.id, key.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, ErrorCode::Unavailable);
  store::ActivityFilter filter;
  filter.types = {"org_external_key_validated"};
  EXPECT_TRUE(world.run(world.feed->list(world.admin(), filter, {})).value().rows.empty());
}

TEST_F(SuspensionTest, AnAttachedKeyIsHealthyUntilMoreIsHeard) {
  ASSERT_TRUE(world.attach(workspace.id, key.row.id));
  auto find = [this](store::Transaction& tx) { return tx.find_external_key_health(key.row.organization, key.row.id); };
  auto health = world.run(world.store().read(find)).value();
  ASSERT_TRUE(health);
  EXPECT_EQ(health->state, store::KeyHealthState::Healthy);
  EXPECT_EQ(health->last_success_at, world.clock.now());
  // A second workspace changes nothing of what is known by then.
  health->state = store::KeyHealthState::Degraded;
  auto put = [&](store::Transaction& tx) { return tx.put(*health); };
  ASSERT_TRUE(world.run(world.store().write(put)));
  auto second = world.make_workspace("second");
  ASSERT_TRUE(world.attach(second.id, key.row.id));
  EXPECT_EQ(world.run(world.store().read(find)).value(), health);
}

}  // namespace
}  // namespace latchkey::admin
