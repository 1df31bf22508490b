#include "admin/workspaces.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"

namespace latchkey::admin {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorFor;

struct WorkspacesTest : ::testing::Test {
  testing::AdminFixture fixture;

  Result<store::Workspace> update(const std::string& id, WorkspaceChange change) {
    return fixture.run(fixture.workspaces->update(fixture.admin(), id, std::move(change)));
  }
  Result<store::Workspace> get(const std::string& id) {
    return fixture.run(fixture.workspaces->get(fixture.admin(), id));
  }
  Result<store::Workspace> archive(const std::string& id) {
    return fixture.run(fixture.workspaces->archive(fixture.admin(), id));
  }
  std::vector<std::string> list(WorkspaceQuery query) {
    std::vector<std::string> ids;
    auto page = fixture.run(fixture.workspaces->list(fixture.admin(), std::move(query))).value();
    for (const auto& row : page.rows) ids.push_back(row.id);
    return ids;
  }
  // Runs in the middle of the next validation.
  void during_validation(std::function<Task<void>()> work) { fixture.provider.interruption = std::move(work); }
};

TEST_F(WorkspacesTest, CreateGetArchive) {
  auto row = fixture.make_workspace("Prod");
  EXPECT_EQ(get(row.id).value().compartment, row.compartment);
  EXPECT_FALSE(row.external_key_id);
  fixture.clock.advance(std::chrono::seconds(9));
  auto archived = archive(row.id).value();
  EXPECT_EQ(archived.archived_at, fixture.clock.now());
  fixture.clock.advance(std::chrono::seconds(9));
  EXPECT_EQ(archive(row.id).value().archived_at, archived.archived_at) << "again changes nothing";
  EXPECT_EQ(fixture.activity_types(),
            (std::vector<std::string>{"platform_workspace_created", "platform_workspace_archived"}));
  EXPECT_EQ(testing::text_of(fixture.activities()[0].at("workspace_id")), row.id);
}

TEST_F(WorkspacesTest, OtherOrganizationsWorkspacesAreNotThere) {
  auto foreign = fixture.other.default_workspace.id;
  for (const auto& id : {foreign, std::string("wrkspc_none")}) {
    EXPECT_THAT(get(id), IsError(ErrorCode::NotFound));
    EXPECT_THAT(update(id, {}), IsError(ErrorCode::NotFound));
    EXPECT_THAT(archive(id), IsError(ErrorCode::NotFound));
  }
  WorkspaceQuery query;
  query.include_default = true;
  query.ids = {{foreign, fixture.own.default_workspace.id}};
  EXPECT_EQ(list(query), std::vector<std::string>{fixture.own.default_workspace.id});
}

TEST_F(WorkspacesTest, TheDefaultWorkspaceIsSetApart) {
  auto id = fixture.own.default_workspace.id;
  EXPECT_TRUE(get(id));
  EXPECT_TRUE(list({}).empty());
  WorkspaceQuery query;
  query.include_default = true;
  EXPECT_EQ(list(query), std::vector<std::string>{id});
  auto refused = archive(id);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message(), "Workspace " + id +
                                           " (\"Default\") is the default workspace of this organization, which cannot "
                                           "be archived.");
  WorkspaceChange change;
  change.name = "x";
  EXPECT_THAT(update(id, change), IsError(ErrorCode::Invalid));
  EXPECT_TRUE(fixture.attach(id, fixture.make_key().row.id));
}

TEST_F(WorkspacesTest, ListsInBothDirections) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(made.begin(), fixture.make_workspace("w" + std::to_string(i)).id);
  WorkspaceQuery query;
  query.limit = 2;
  EXPECT_EQ(list(query), (std::vector<std::string>{made[0], made[1]}));
  query.after_id = made[1];
  EXPECT_EQ(list(query), (std::vector<std::string>{made[2], made[3]}));
  query.after_id = made[3];
  auto last = fixture.run(fixture.workspaces->list(fixture.admin(), query)).value();
  EXPECT_EQ(last.rows.size(), 1U);
  EXPECT_FALSE(last.has_more);
  query.after_id.reset();
  query.before_id = made[4];
  EXPECT_EQ(list(query), (std::vector<std::string>{made[2], made[3]}));
  query.after_id = made[0];
  EXPECT_THAT(fixture.run(fixture.workspaces->list(fixture.admin(), query)), IsError(ErrorCode::Invalid));
  WorkspaceQuery foreign;
  foreign.after_id = fixture.other.default_workspace.id;
  EXPECT_THAT(fixture.run(fixture.workspaces->list(fixture.admin(), foreign)), IsError(ErrorCode::Invalid));
}

TEST_F(WorkspacesTest, ArchivedOnesAreListedOnRequest) {
  auto row = fixture.make_workspace();
  ASSERT_TRUE(archive(row.id));
  EXPECT_TRUE(list({}).empty());
  WorkspaceQuery query;
  query.include_archived = true;
  EXPECT_EQ(list(query), std::vector<std::string>{row.id});
}

TEST_F(WorkspacesTest, LiveOnesAreLimited) {
  fixture.settings.max_live_workspaces = 3;
  fixture.rebuild();
  NewWorkspace wanted;
  wanted.name = "w";
  std::vector<std::string> made;
  Result<store::Workspace> row = Error{};
  while ((row = fixture.run(fixture.workspaces->create(fixture.admin(), wanted)))) made.push_back(row.value().id);
  EXPECT_EQ(row.error().code, ErrorCode::Invalid);
  EXPECT_EQ(row.error().message(),
            "This organization has 3 live workspaces, and may have at most 3. Archive one that is no longer used, then "
            "try again.");
  ASSERT_TRUE(archive(made.front()));
  EXPECT_TRUE(fixture.run(fixture.workspaces->create(fixture.admin(), wanted)));
}

TEST_F(WorkspacesTest, UpdateChangesWhatItNames) {
  auto row = fixture.make_workspace();
  WorkspaceChange change;
  change.name = "New";
  change.tags = {{"env", "prod"}};
  auto after = update(row.id, change).value();
  EXPECT_EQ(after.name, "New");
  EXPECT_EQ(after.display_color, row.display_color);
  EXPECT_EQ(get(row.id).value().tags, after.tags);
  EXPECT_TRUE(update(row.id, change)) << "again changes nothing";
  EXPECT_EQ(fixture.activity_types(),
            (std::vector<std::string>{"platform_workspace_created", "platform_workspace_updated"}));
}

TEST_F(WorkspacesTest, AttachValidatesThenAttachesForGood) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  auto attached = fixture.attach(row.id, key.row.id);
  ASSERT_TRUE(attached) << attached.error().message();
  EXPECT_EQ(attached.value().external_key_id, key.row.id);
  EXPECT_EQ(attached.value().compartment, row.compartment);
  EXPECT_EQ(fixture.provider.calls(), 3) << "describe, wrap, unwrap";
  auto activities = fixture.activities();
  ASSERT_EQ(activities.size(), 4U);
  EXPECT_EQ(activities[2].at("type"), "org_external_key_validated");
  EXPECT_EQ(activities[3].at("type"), "platform_workspace_updated");
  EXPECT_EQ(
      activities[3].at("updates").at(0),
      (boost::json::value{{"type", "external_key_config_id"}, {"previous_value", ""}, {"current_value", key.row.id}}));

  EXPECT_TRUE(fixture.attach(row.id, key.row.id));
  EXPECT_EQ(fixture.provider.calls(), 3) << "the same key again asks nobody";
  EXPECT_EQ(fixture.activities().size(), 4U);

  auto second = fixture.make_key("second");
  auto replaced = fixture.attach(row.id, second.row.id);
  EXPECT_EQ(replaced.error().code, ErrorCode::Invalid);
  EXPECT_EQ(replaced.error().reason, "");
  EXPECT_EQ(fixture.provider.calls(), 3) << "a refusal by the rules asks nobody";
}

TEST_F(WorkspacesTest, CreateMayAttachAtOnce) {
  auto key = fixture.make_key();
  NewWorkspace wanted;
  wanted.name = "Prod";
  wanted.external_key_id = key.row.id;
  auto row = fixture.run(fixture.workspaces->create(fixture.admin(), wanted)).value();
  EXPECT_EQ(get(row.id).value().external_key_id, key.row.id);
  EXPECT_EQ(fixture.activity_types(),
            (std::vector<std::string>{"org_external_key_created", "org_external_key_validated",
                                      "platform_workspace_created", "platform_workspace_updated"}));
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "the key is disabled"};
  auto refused = fixture.run(fixture.workspaces->create(fixture.admin(), wanted));
  EXPECT_EQ(refused.error().reason, "external_key_validation_failed");
  EXPECT_EQ(list({}), std::vector<std::string>{row.id}) << "no workspace was made";
}

TEST_F(WorkspacesTest, AKeyOfAnotherOrganizationIsNotThere) {
  auto row = fixture.make_workspace();
  auto foreign = fixture.run(fixture.keys->create(fixture.stranger(), testing::AdminFixture::new_key())).value();
  EXPECT_THAT(fixture.attach(row.id, foreign.row.id), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.attach(row.id, "ekey_none"), IsError(ErrorCode::NotFound));
  EXPECT_EQ(fixture.provider.calls(), 0);
}

TEST_F(WorkspacesTest, EveryFailureOfTheKeyRefusesTheAttach) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  struct Case {
    Error failure;
    std::string_view reason;
  };
  const Case kCases[] = {
      {{ErrorCode::KeyDenied, "the key is disabled", kms::reason::kKeyDisabled}, "external_key_validation_failed"},
      {{ErrorCode::NetworkBlocked, "the firewall blocks us"}, "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "the vault is out"}, "external_key_validation_failed"},
      {{ErrorCode::Corrupt, "not that key's"}, "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "no response", kms::reason::kTimedOut}, "external_key_validation_timed_out"},
      {{ErrorCode::DeadlineExceeded, "no time left"}, "external_key_validation_timed_out"},
  };
  for (const auto& c : kCases) {
    fixture.provider.failure = c.failure;
    auto attached = fixture.attach(row.id, key.row.id);
    ASSERT_FALSE(attached);
    EXPECT_EQ(attached.error().code, ErrorCode::Invalid);
    EXPECT_EQ(attached.error().reason, c.reason) << c.failure.message();
    EXPECT_NE(attached.error().message().find(c.failure.message()), std::string::npos) << attached.error().message();
    EXPECT_FALSE(get(row.id).value().external_key_id);
    EXPECT_EQ(fixture.last_activity("org_external_key_validated").at("validation_result"), "failure");
  }
  EXPECT_FALSE(fixture.run(fixture.keys->get(fixture.admin(), key.row.id)).value().attached);
  fixture.provider.failure.reset();
  EXPECT_TRUE(fixture.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AnUnsuitableKeyIsNotAttached) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  auto good = fixture.provider.description;
  auto refused = [&](auto change) {
    fixture.provider.description = good;
    change(fixture.provider.description);
    auto attached = fixture.attach(row.id, key.row.id);
    return !attached && attached.error().reason == "external_key_validation_failed";
  };
  EXPECT_TRUE(refused([](auto& d) { d.bits = 2048; }));
  EXPECT_TRUE(refused([](auto& d) { d.type = "EC"; }));
  EXPECT_TRUE(refused([](auto& d) { d.operations = {"unwrapKey"}; }));
  EXPECT_TRUE(refused([](auto& d) { d.enabled = false; }));
  EXPECT_TRUE(refused([&](auto& d) { d.expires = fixture.clock.now(); }));
}

TEST_F(WorkspacesTest, TheOrganizationsTagIsDemandedWhereSet) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  fixture.settings.organization_binding = kms::OrganizationBinding::Require;
  fixture.rebuild();
  EXPECT_THAT(fixture.attach(row.id, key.row.id), IsErrorFor("external_key_validation_failed"));
  fixture.provider.description.tags = {{"latchkey-org-" + format_uuid(fixture.own.organization.id), "true"}};
  EXPECT_TRUE(fixture.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AKeyThatAnotherOrganizationUsesDemandsTheTag) {
  fixture.settings.organization_binding = kms::OrganizationBinding::Off;
  fixture.rebuild();
  auto foreign = fixture.new_key("CMEK");
  foreign.key = kms::testing::memory_key("Contoso", "cmek");
  auto theirs = fixture.run(fixture.keys->create(fixture.stranger(), foreign)).value();
  auto validates = [&](const audit::Caller& caller, const std::string& id) {
    return fixture.run(fixture.keys->validate(caller, id)).value().success;
  };
  auto own = fixture.make_key();
  EXPECT_TRUE(validates(fixture.admin(), own.row.id)) << "registered elsewhere, and not attached";

  NewWorkspace home;
  home.name = "Theirs";
  home.external_key_id = theirs.row.id;
  ASSERT_TRUE(fixture.run(fixture.workspaces->create(fixture.stranger(), home)));
  EXPECT_FALSE(validates(fixture.admin(), own.row.id));
  auto row = fixture.make_workspace();
  auto refused = fixture.attach(row.id, own.row.id);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("does not bear the tag"), std::string::npos) << refused.error().message();
  EXPECT_EQ(refused.error().message().find("Other"), std::string::npos);
  EXPECT_TRUE(validates(fixture.stranger(), theirs.row.id)) << "who has it is asked for nothing";
  EXPECT_TRUE(validates(fixture.admin(), fixture.make_key("another").row.id));
  fixture.provider.description.tags = {{"latchkey-org-" + format_uuid(fixture.own.organization.id), "true"}};
  EXPECT_TRUE(fixture.attach(row.id, own.row.id));
}

TEST_F(WorkspacesTest, OfTwoOrganizationsThatAttachAtOnceOneIsAskedAgain) {
  auto theirs = fixture.run(fixture.keys->create(fixture.stranger(), fixture.new_key())).value();
  auto own = fixture.make_key();
  auto row = fixture.make_workspace();
  during_validation([this, id = theirs.row.id]() -> Task<void> {
    NewWorkspace home;
    home.name = "Theirs";
    home.external_key_id = id;
    auto created = co_await fixture.workspaces->create(fixture.stranger(), home);
    EXPECT_TRUE(created);
  });
  auto attached = fixture.attach(row.id, own.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().reason, "external_key_changed");
  EXPECT_THAT(fixture.attach(row.id, own.row.id), IsErrorFor("external_key_validation_failed"));
}

TEST_F(WorkspacesTest, AKeyReconfiguredDuringItsValidationIsNotAttached) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    ExternalKeyChange change;
    change.key = testing::AdminFixture::new_key("swapped").key;
    auto changed = co_await fixture.keys->update(fixture.admin(), id, change);
    EXPECT_TRUE(changed);
  });
  auto attached = fixture.attach(row.id, key.row.id);
  EXPECT_EQ(attached.error().code, ErrorCode::Conflict);
  EXPECT_EQ(attached.error().reason, "external_key_changed");
  EXPECT_FALSE(get(row.id).value().external_key_id);
  EXPECT_TRUE(fixture.attach(row.id, key.row.id)) << "a retry validates the key as it is now";
}

TEST_F(WorkspacesTest, AKeyRenamedDuringItsValidationIsAttached) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    ExternalKeyChange change;
    change.sets_display_name = true;
    change.display_name = "new";
    auto changed = co_await fixture.keys->update(fixture.admin(), id, change);
    EXPECT_TRUE(changed);
  });
  EXPECT_TRUE(fixture.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AKeyDeletedDuringItsValidationIsNotAttached) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    auto removed = co_await fixture.keys->remove(fixture.admin(), id);
    EXPECT_TRUE(removed);
  });
  EXPECT_THAT(fixture.attach(row.id, key.row.id), IsError(ErrorCode::NotFound));
  EXPECT_FALSE(get(row.id).value().external_key_id);
}

TEST_F(WorkspacesTest, AnAttachedKeyIsNotDeletedByWhoCameLate) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  ASSERT_TRUE(fixture.attach(row.id, key.row.id));
  EXPECT_FALSE(fixture.run(fixture.keys->remove(fixture.admin(), key.row.id)));
  EXPECT_TRUE(fixture.run(fixture.keys->get(fixture.admin(), key.row.id)).value().attached);
}

TEST_F(WorkspacesTest, AWorkspaceArchivedDuringTheValidationStaysAsItWas) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  during_validation([this, id = row.id]() -> Task<void> {
    auto archived = co_await fixture.workspaces->archive(fixture.admin(), id);
    EXPECT_TRUE(archived);
  });
  EXPECT_THAT(fixture.attach(row.id, key.row.id), IsError(ErrorCode::Invalid));
  EXPECT_FALSE(get(row.id).value().external_key_id);
}

TEST_F(WorkspacesTest, OfTwoAttachesAtOnceOneWins) {
  auto row = fixture.make_workspace();
  auto first = fixture.make_key("first");
  auto second = fixture.make_key("second");
  during_validation([this, row, second]() -> Task<void> {
    auto attached = co_await fixture.attach_task(row.id, second.row.id);
    EXPECT_TRUE(attached);
  });
  auto lost = fixture.attach(row.id, first.row.id);
  EXPECT_EQ(lost.error().code, ErrorCode::Invalid);
  EXPECT_EQ(get(row.id).value().external_key_id, second.row.id);
  EXPECT_FALSE(fixture.run(fixture.keys->get(fixture.admin(), first.row.id)).value().attached);
}

TEST_F(WorkspacesTest, TwoAttachesOfTheSameKeyAtOnceAreOne) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  during_validation([this, row, key]() -> Task<void> {
    auto attached = co_await fixture.attach_task(row.id, key.row.id);
    EXPECT_TRUE(attached);
  });
  EXPECT_TRUE(fixture.attach(row.id, key.row.id));
  auto types = fixture.activity_types();
  EXPECT_EQ(std::count(types.begin(), types.end(), "platform_workspace_updated"), 1);
}

TEST_F(WorkspacesTest, ArchivedWorkspacesCannotBeChangedEvenToTheSame) {
  auto row = fixture.make_workspace();
  auto key = fixture.make_key();
  ASSERT_TRUE(fixture.attach(row.id, key.row.id));
  ASSERT_TRUE(archive(row.id));
  EXPECT_THAT(fixture.attach(row.id, key.row.id), IsError(ErrorCode::Invalid));
  EXPECT_THAT(update(row.id, {}), IsError(ErrorCode::Invalid));
}

TEST_F(WorkspacesTest, ArchivedOnesCountAgainstTheWholeNumber) {
  fixture.settings.max_workspaces = 3;  // the default one among them
  fixture.rebuild();
  for (int i = 0; i < 2; ++i) {
    auto made = fixture.make_workspace();
    ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), made.id)));
  }
  NewWorkspace wanted;
  wanted.name = "One more";
  auto refused = fixture.run(fixture.workspaces->create(fixture.admin(), wanted));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message(),
            "This organization has 3 workspaces, archived ones included, and may have at most 3. Archived workspaces "
            "stay: ask the operator to raise quotas.workspaces.");
  EXPECT_TRUE(fixture.run(fixture.workspaces->create(fixture.stranger(), wanted)));
}

}  // namespace
}  // namespace latchkey::admin
