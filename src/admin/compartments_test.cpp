#include "admin/compartments.hpp"

#include <gtest/gtest.h>

#include "admin/testing/world.hpp"

namespace latchkey::admin {
namespace {

struct CompartmentsTest : ::testing::Test {
  testing::World world;
  Compartments compartments{world.store()};

  audit::Caller caller(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    auto who = world.admin();
    who.role = role;
    who.workspace_id = std::move(workspace);
    return who;
  }
  Result<keyring::Compartment> open(audit::Caller who, std::string id, Purpose purpose = Purpose::Encrypt) {
    return world.run(compartments.open(std::move(who), std::move(id), purpose));
  }
};

TEST_F(CompartmentsTest, WithoutAKeyThePlatformsOwnServes) {
  auto workspace = world.make_workspace();
  auto opened = open(caller(store::Role::Service), workspace.id);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened.value().organization, world.own.organization.id);
  EXPECT_EQ(opened.value().id, workspace.compartment);
  EXPECT_EQ(opened.value().workspace_id, workspace.id);
  EXPECT_FALSE(opened.value().external_key_id);
  EXPECT_EQ(opened.value().key, kms::KeyLocation(kms::LocalKey{}));
}

TEST_F(CompartmentsTest, WithAKeyItsLocationIsGiven) {
  auto workspace = world.make_workspace();
  auto key = world.make_key();
  ASSERT_TRUE(world.attach(workspace.id, key.row.id));
  auto opened = open(caller(store::Role::Workspace, workspace.id), workspace.id).value();
  EXPECT_EQ(opened.external_key_id, key.row.id);
  EXPECT_EQ(opened.key, testing::World::azure_key().config.location);
}

TEST_F(CompartmentsTest, RolesWithoutDataStayOut) {
  auto workspace = world.make_workspace();
  for (auto role : {store::Role::Admin, store::Role::Compliance}) {
    EXPECT_EQ(open(caller(role), workspace.id).error().code, ErrorCode::PermissionDenied);
  }
}

TEST_F(CompartmentsTest, OtherWorkspacesAreNotThere) {
  auto mine = world.make_workspace("mine");
  auto sibling = world.make_workspace("sibling");
  auto foreign = world.other.default_workspace.id;
  EXPECT_EQ(open(caller(store::Role::Workspace, mine.id), sibling.id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Workspace, mine.id), foreign).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Workspace), mine.id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), foreign).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), "wrkspc_none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), "").error().code, ErrorCode::NotFound);
}

TEST_F(CompartmentsTest, AnArchivedWorkspaceIsReadOnly) {
  auto workspace = world.make_workspace();
  ASSERT_TRUE(world.run(world.workspaces->archive(world.admin(), workspace.id)));
  EXPECT_EQ(open(caller(store::Role::Service), workspace.id).error().code, ErrorCode::Invalid);
  EXPECT_TRUE(open(caller(store::Role::Service), workspace.id, Purpose::Decrypt));
}

// A store that is gone.
class BrokenStore final : public store::Store {
 public:
  Task<Result<store::SealCounts>> check_seals() override { co_return Error{}; }
  Task<Result<store::SealProgress>> reseal(store::SealProgress, std::size_t) override { co_return Error{}; }
  Task<Result<void>> purge(std::optional<Uuid>) override {
    co_return Error{ErrorCode::Unavailable, "the disk is gone"};
  }

 protected:
  Task<Result<void>> run(Access, std::function<Result<void>(store::Transaction&)>) override {
    co_return Error{ErrorCode::Unavailable, "the disk is gone"};
  }
};

TEST_F(CompartmentsTest, FailsClosedWhereTheStoreCannotBeRead) {
  BrokenStore broken;
  Compartments blind(broken);
  auto opened = world.run(blind.open(caller(store::Role::Service), "wrkspc_1", Purpose::Encrypt));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::ContextUnavailable);
  EXPECT_TRUE(opened.error().retry_after);
}

TEST_F(CompartmentsTest, FailsClosedWhereTheKeysRowIsDamaged) {
  auto workspace = world.make_workspace();
  auto key = world.make_key();
  ASSERT_TRUE(world.attach(workspace.id, key.row.id));
  key.row.provider_config = "{}";
  auto damage = [row = key.row](store::Transaction& tx) { return tx.update(row); };
  ASSERT_TRUE(world.run(world.store().write(damage)));
  EXPECT_EQ(open(caller(store::Role::Service), workspace.id).error().code, ErrorCode::ContextUnavailable);
}

}  // namespace
}  // namespace latchkey::admin
