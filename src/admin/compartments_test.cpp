#include "admin/compartments.hpp"

#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"

namespace latchkey::admin {
namespace {

struct CompartmentsTest : ::testing::Test {
  testing::AdminFixture fixture;
  Compartments compartments{fixture.store(), fixture.clouds};

  audit::Caller caller(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    auto who = fixture.admin();
    who.role = role;
    who.workspace_id = std::move(workspace);
    return who;
  }
  Result<keyring::Compartment> open(audit::Caller who, std::string id, Purpose purpose = Purpose::Encrypt) {
    return fixture.run(compartments.open(std::move(who), std::move(id), purpose));
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
  EXPECT_EQ(opened.key, kms::KeyLocation(testing::AdminFixture::new_key().key));
}

TEST_F(CompartmentsTest, RolesWithoutDataStayOut) {
  auto workspace = fixture.make_workspace();
  for (auto role : {store::Role::Admin, store::Role::Compliance}) {
    EXPECT_EQ(open(caller(role), workspace.id).error().code, ErrorCode::PermissionDenied);
  }
}

TEST_F(CompartmentsTest, OtherWorkspacesAreNotThere) {
  auto mine = fixture.make_workspace("mine");
  auto sibling = fixture.make_workspace("sibling");
  auto foreign = fixture.other.default_workspace.id;
  EXPECT_EQ(open(caller(store::Role::Workspace, mine.id), sibling.id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Workspace, mine.id), foreign).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Workspace), mine.id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), foreign).error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), "wrkspc_none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(open(caller(store::Role::Service), "").error().code, ErrorCode::NotFound);
}

TEST_F(CompartmentsTest, AnArchivedWorkspaceIsReadOnly) {
  auto workspace = fixture.make_workspace();
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_EQ(open(caller(store::Role::Service), workspace.id).error().code, ErrorCode::Invalid);
  EXPECT_TRUE(open(caller(store::Role::Service), workspace.id, Purpose::Decrypt));
}

// A store that is not reachable.
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
  Compartments blind(broken, fixture.clouds);
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
  EXPECT_EQ(open(caller(store::Role::Service), workspace.id).error().code, ErrorCode::ContextUnavailable);
}

}  // namespace
}  // namespace latchkey::admin
