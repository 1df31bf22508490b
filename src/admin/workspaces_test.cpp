#include "admin/workspaces.hpp"

#include <gtest/gtest.h>

#include "admin/testing/world.hpp"
#include "kms/reasons.hpp"

namespace latchkey::admin {
namespace {

struct WorkspacesTest : ::testing::Test {
  testing::World world;

  Result<store::Workspace> update(const std::string& id, WorkspaceChange change) {
    return world.run(world.workspaces->update(world.admin(), id, std::move(change)));
  }
  Result<store::Workspace> get(const std::string& id) { return world.run(world.workspaces->get(world.admin(), id)); }
  Result<store::Workspace> archive(const std::string& id) {
    return world.run(world.workspaces->archive(world.admin(), id));
  }
  std::vector<std::string> list(WorkspaceQuery query) {
    std::vector<std::string> ids;
    auto page = world.run(world.workspaces->list(world.admin(), std::move(query))).value();
    for (const auto& row : page.rows) ids.push_back(row.id);
    return ids;
  }
  // What is done in the middle of the next validation.
  void during_validation(std::function<Task<void>()> work) { world.provider.interruption = std::move(work); }
};

TEST_F(WorkspacesTest, CreateGetArchive) {
  auto row = world.make_workspace("Prod");
  EXPECT_EQ(get(row.id).value().compartment, row.compartment);
  EXPECT_FALSE(row.external_key_id);
  world.clock.advance(std::chrono::seconds(9));
  auto archived = archive(row.id).value();
  EXPECT_EQ(archived.archived_at, world.clock.now());
  world.clock.advance(std::chrono::seconds(9));
  EXPECT_EQ(archive(row.id).value().archived_at, archived.archived_at) << "again changes nothing";
  EXPECT_EQ(world.activity_types(),
            (std::vector<std::string>{"platform_workspace_created", "platform_workspace_archived"}));
  EXPECT_EQ(testing::text_of(world.activities()[0].at("workspace_id")), row.id);
}

TEST_F(WorkspacesTest, OtherOrganizationsWorkspacesAreNotThere) {
  auto foreign = world.other.default_workspace.id;
  for (const auto& id : {foreign, std::string("wrkspc_none")}) {
    EXPECT_EQ(get(id).error().code, ErrorCode::NotFound);
    EXPECT_EQ(update(id, {}).error().code, ErrorCode::NotFound);
    EXPECT_EQ(archive(id).error().code, ErrorCode::NotFound);
  }
  WorkspaceQuery query;
  query.include_default = true;
  query.ids = {{foreign, world.own.default_workspace.id}};
  EXPECT_EQ(list(query), std::vector<std::string>{world.own.default_workspace.id});
}

TEST_F(WorkspacesTest, TheDefaultWorkspaceIsSetApart) {
  auto id = world.own.default_workspace.id;
  EXPECT_TRUE(get(id));
  EXPECT_TRUE(list({}).empty());
  WorkspaceQuery query;
  query.include_default = true;
  EXPECT_EQ(list(query), std::vector<std::string>{id});
  auto refused = archive(id);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message, "Workspace " + id +
                                         " (\"Default\") is the default workspace of this organization, which cannot "
                                         "be archived.");
  WorkspaceChange change;
  change.name = "x";
  EXPECT_EQ(update(id, change).error().code, ErrorCode::Invalid);
  EXPECT_TRUE(world.attach(id, world.make_key().row.id));
}

TEST_F(WorkspacesTest, ListsInBothDirections) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(made.begin(), world.make_workspace("w" + std::to_string(i)).id);
  WorkspaceQuery query;
  query.limit = 2;
  EXPECT_EQ(list(query), (std::vector<std::string>{made[0], made[1]}));
  query.after_id = made[1];
  EXPECT_EQ(list(query), (std::vector<std::string>{made[2], made[3]}));
  query.after_id = made[3];
  auto last = world.run(world.workspaces->list(world.admin(), query)).value();
  EXPECT_EQ(last.rows.size(), 1U);
  EXPECT_FALSE(last.has_more);
  query.after_id.reset();
  query.before_id = made[4];
  EXPECT_EQ(list(query), (std::vector<std::string>{made[2], made[3]}));
  query.after_id = made[0];
  EXPECT_EQ(world.run(world.workspaces->list(world.admin(), query)).error().code, ErrorCode::Invalid);
  WorkspaceQuery foreign;
  foreign.after_id = world.other.default_workspace.id;
  EXPECT_EQ(world.run(world.workspaces->list(world.admin(), foreign)).error().code, ErrorCode::Invalid);
}

TEST_F(WorkspacesTest, ArchivedOnesAreListedOnRequest) {
  auto row = world.make_workspace();
  ASSERT_TRUE(archive(row.id));
  EXPECT_TRUE(list({}).empty());
  WorkspaceQuery query;
  query.include_archived = true;
  EXPECT_EQ(list(query), std::vector<std::string>{row.id});
}

TEST_F(WorkspacesTest, LiveOnesAreLimited) {
  world.settings.max_live_workspaces = 3;
  world.rebuild();
  NewWorkspace wanted;
  wanted.name = "w";
  std::vector<std::string> made;
  Result<store::Workspace> row = Error{};
  while ((row = world.run(world.workspaces->create(world.admin(), wanted)))) made.push_back(row.value().id);
  EXPECT_EQ(row.error().code, ErrorCode::Invalid);
  EXPECT_EQ(row.error().message,
            "This organization has 3 live workspaces, and may have at most 3. Archive one that is no longer used, then "
            "try again.");
  ASSERT_TRUE(archive(made.front()));
  EXPECT_TRUE(world.run(world.workspaces->create(world.admin(), wanted)));
}

TEST_F(WorkspacesTest, UpdateChangesWhatItNames) {
  auto row = world.make_workspace();
  WorkspaceChange change;
  change.name = "New";
  change.tags = {{"env", "prod"}};
  auto after = update(row.id, change).value();
  EXPECT_EQ(after.name, "New");
  EXPECT_EQ(after.display_color, row.display_color);
  EXPECT_EQ(get(row.id).value().tags, after.tags);
  EXPECT_TRUE(update(row.id, change)) << "again changes nothing";
  EXPECT_EQ(world.activity_types(),
            (std::vector<std::string>{"platform_workspace_created", "platform_workspace_updated"}));
}

TEST_F(WorkspacesTest, AttachValidatesThenAttachesForGood) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  auto attached = world.attach(row.id, key.row.id);
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached.value().external_key_id, key.row.id);
  EXPECT_EQ(attached.value().compartment, row.compartment);
  EXPECT_EQ(world.provider.calls(), 3) << "describe, wrap, unwrap";
  auto activities = world.activities();
  ASSERT_EQ(activities.size(), 4U);
  EXPECT_EQ(activities[2].at("type"), "org_external_key_validated");
  EXPECT_EQ(activities[3].at("type"), "platform_workspace_updated");
  EXPECT_EQ(
      activities[3].at("updates").at(0),
      (boost::json::value{{"type", "external_key_config_id"}, {"previous_value", ""}, {"current_value", key.row.id}}));

  EXPECT_TRUE(world.attach(row.id, key.row.id));
  EXPECT_EQ(world.provider.calls(), 3) << "the same key again asks nobody";
  EXPECT_EQ(world.activities().size(), 4U);

  auto second = world.make_key("second");
  auto replaced = world.attach(row.id, second.row.id);
  EXPECT_EQ(replaced.error().code, ErrorCode::Invalid);
  EXPECT_EQ(replaced.error().reason, "");
  EXPECT_EQ(world.provider.calls(), 3) << "a refusal by the rules asks nobody";
}

TEST_F(WorkspacesTest, CreateMayAttachAtOnce) {
  auto key = world.make_key();
  NewWorkspace wanted;
  wanted.name = "Prod";
  wanted.external_key_id = key.row.id;
  auto row = world.run(world.workspaces->create(world.admin(), wanted)).value();
  EXPECT_EQ(get(row.id).value().external_key_id, key.row.id);
  EXPECT_EQ(world.activity_types(),
            (std::vector<std::string>{"org_external_key_created", "org_external_key_validated",
                                      "platform_workspace_created", "platform_workspace_updated"}));
  world.provider.failure = Error{ErrorCode::KeyDenied, "the key is disabled"};
  auto refused = world.run(world.workspaces->create(world.admin(), wanted));
  EXPECT_EQ(refused.error().reason, "external_key_validation_failed");
  EXPECT_EQ(list({}), std::vector<std::string>{row.id}) << "no workspace was made";
}

TEST_F(WorkspacesTest, AKeyOfAnotherOrganizationIsNotThere) {
  auto row = world.make_workspace();
  auto foreign = world.run(world.keys->create(world.stranger(), testing::World::azure_key())).value();
  EXPECT_EQ(world.attach(row.id, foreign.row.id).error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.attach(row.id, "ekey_none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.provider.calls(), 0);
}

TEST_F(WorkspacesTest, EveryFailureOfTheKeyRefusesTheAttach) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  struct Case {
    Error failure;
    std::string_view reason;
  };
  const Case kCases[] = {
      {{ErrorCode::KeyDenied, "the key is disabled", std::string(kms::reason::kKeyDisabled)},
       "external_key_validation_failed"},
      {{ErrorCode::NetworkBlocked, "the firewall blocks us"}, "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "the vault is out"}, "external_key_validation_failed"},
      {{ErrorCode::Corrupt, "not that key's"}, "external_key_validation_failed"},
      {{ErrorCode::KeyUnreachable, "no answer", std::string(kms::reason::kTimedOut)},
       "external_key_validation_timed_out"},
      {{ErrorCode::DeadlineExceeded, "no time left"}, "external_key_validation_timed_out"},
  };
  for (const auto& c : kCases) {
    world.provider.failure = c.failure;
    auto attached = world.attach(row.id, key.row.id);
    ASSERT_FALSE(attached);
    EXPECT_EQ(attached.error().code, ErrorCode::Invalid);
    EXPECT_EQ(attached.error().reason, c.reason) << c.failure.message;
    EXPECT_NE(attached.error().message.find(c.failure.message), std::string::npos) << attached.error().message;
    EXPECT_FALSE(get(row.id).value().external_key_id);
    EXPECT_EQ(world.last_activity("org_external_key_validated").at("validation_result"), "failure");
  }
  EXPECT_FALSE(world.run(world.keys->get(world.admin(), key.row.id)).value().attached);
  world.provider.failure.reset();
  EXPECT_TRUE(world.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AnUnsuitableKeyIsNotAttached) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  auto good = world.provider.description;
  auto refused = [&](auto change) {
    world.provider.description = good;
    change(world.provider.description);
    auto attached = world.attach(row.id, key.row.id);
    return !attached && attached.error().reason == "external_key_validation_failed";
  };
  EXPECT_TRUE(refused([](auto& d) { d.bits = 2048; }));
  EXPECT_TRUE(refused([](auto& d) { d.type = "EC"; }));
  EXPECT_TRUE(refused([](auto& d) { d.operations = {"unwrapKey"}; }));
  EXPECT_TRUE(refused([](auto& d) { d.enabled = false; }));
  EXPECT_TRUE(refused([&](auto& d) { d.expires = world.clock.now(); }));
}

TEST_F(WorkspacesTest, TheOrganizationsTagIsDemandedWhereSet) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  world.settings.organization_binding = kms::OrganizationBinding::Require;
  world.rebuild();
  EXPECT_EQ(world.attach(row.id, key.row.id).error().reason, "external_key_validation_failed");
  world.provider.description.tags = {{"latchkey-org-" + format_uuid(world.own.organization.id), "true"}};
  EXPECT_TRUE(world.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AKeyThatAnotherOrganizationUsesDemandsTheTag) {
  world.settings.organization_binding = kms::OrganizationBinding::Off;
  world.rebuild();
  auto foreign = world.azure_key("CMEK");
  std::get<kms::AzureKey>(foreign.config.location).vault_uri = "HTTPS://Contoso.Vault.Azure.net";
  auto theirs = world.run(world.keys->create(world.stranger(), foreign)).value();
  auto validates = [&](const audit::Caller& caller, const std::string& id) {
    return world.run(world.keys->validate(caller, id)).value().success;
  };
  auto own = world.make_key();
  EXPECT_TRUE(validates(world.admin(), own.row.id)) << "registered elsewhere, and not attached";

  NewWorkspace home;
  home.name = "Theirs";
  home.external_key_id = theirs.row.id;
  ASSERT_TRUE(world.run(world.workspaces->create(world.stranger(), home)));
  EXPECT_FALSE(validates(world.admin(), own.row.id));
  auto row = world.make_workspace();
  auto refused = world.attach(row.id, own.row.id);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("does not bear the tag"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("Other"), std::string::npos);
  EXPECT_TRUE(validates(world.stranger(), theirs.row.id)) << "who has it is asked for nothing";
  EXPECT_TRUE(validates(world.admin(), world.make_key("another").row.id));
  world.provider.description.tags = {{"latchkey-org-" + format_uuid(world.own.organization.id), "true"}};
  EXPECT_TRUE(world.attach(row.id, own.row.id));
}

TEST_F(WorkspacesTest, OfTwoOrganizationsThatAttachAtOnceOneIsAskedAgain) {
  auto theirs = world.run(world.keys->create(world.stranger(), world.azure_key())).value();
  auto own = world.make_key();
  auto row = world.make_workspace();
  during_validation([this, id = theirs.row.id]() -> Task<void> {
    NewWorkspace home;
    home.name = "Theirs";
    home.external_key_id = id;
    auto created = co_await world.workspaces->create(world.stranger(), home);
    EXPECT_TRUE(created);
  });
  auto attached = world.attach(row.id, own.row.id);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().reason, "external_key_changed");
  EXPECT_EQ(world.attach(row.id, own.row.id).error().reason, "external_key_validation_failed");
}

TEST_F(WorkspacesTest, AKeyReconfiguredDuringItsValidationIsNotAttached) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    ExternalKeyChange change;
    change.config = testing::World::azure_key("swapped").config;
    auto changed = co_await world.keys->update(world.admin(), id, change);
    EXPECT_TRUE(changed);
  });
  auto attached = world.attach(row.id, key.row.id);
  EXPECT_EQ(attached.error().code, ErrorCode::Conflict);
  EXPECT_EQ(attached.error().reason, "external_key_changed");
  EXPECT_FALSE(get(row.id).value().external_key_id);
  EXPECT_TRUE(world.attach(row.id, key.row.id)) << "a retry validates the key as it is now";
}

TEST_F(WorkspacesTest, AKeyRenamedDuringItsValidationIsAttached) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    ExternalKeyChange change;
    change.sets_display_name = true;
    change.display_name = "new";
    auto changed = co_await world.keys->update(world.admin(), id, change);
    EXPECT_TRUE(changed);
  });
  EXPECT_TRUE(world.attach(row.id, key.row.id));
}

TEST_F(WorkspacesTest, AKeyDeletedDuringItsValidationIsNotAttached) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  during_validation([this, id = key.row.id]() -> Task<void> {
    auto removed = co_await world.keys->remove(world.admin(), id);
    EXPECT_TRUE(removed);
  });
  EXPECT_EQ(world.attach(row.id, key.row.id).error().code, ErrorCode::NotFound);
  EXPECT_FALSE(get(row.id).value().external_key_id);
}

TEST_F(WorkspacesTest, AnAttachedKeyIsNotDeletedByWhoCameLate) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  ASSERT_TRUE(world.attach(row.id, key.row.id));
  EXPECT_FALSE(world.run(world.keys->remove(world.admin(), key.row.id)));
  EXPECT_TRUE(world.run(world.keys->get(world.admin(), key.row.id)).value().attached);
}

TEST_F(WorkspacesTest, AWorkspaceArchivedDuringTheValidationStaysAsItWas) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  during_validation([this, id = row.id]() -> Task<void> {
    auto archived = co_await world.workspaces->archive(world.admin(), id);
    EXPECT_TRUE(archived);
  });
  EXPECT_EQ(world.attach(row.id, key.row.id).error().code, ErrorCode::Invalid);
  EXPECT_FALSE(get(row.id).value().external_key_id);
}

TEST_F(WorkspacesTest, OfTwoAttachesAtOnceOneWins) {
  auto row = world.make_workspace();
  auto first = world.make_key("first");
  auto second = world.make_key("second");
  during_validation([this, row, second]() -> Task<void> {
    auto attached = co_await world.attach_task(row.id, second.row.id);
    EXPECT_TRUE(attached);
  });
  auto lost = world.attach(row.id, first.row.id);
  EXPECT_EQ(lost.error().code, ErrorCode::Invalid);
  EXPECT_EQ(get(row.id).value().external_key_id, second.row.id);
  EXPECT_FALSE(world.run(world.keys->get(world.admin(), first.row.id)).value().attached);
}

TEST_F(WorkspacesTest, TwoAttachesOfTheSameKeyAtOnceAreOne) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  during_validation([this, row, key]() -> Task<void> {
    auto attached = co_await world.attach_task(row.id, key.row.id);
    EXPECT_TRUE(attached);
  });
  EXPECT_TRUE(world.attach(row.id, key.row.id));
  auto types = world.activity_types();
  EXPECT_EQ(std::count(types.begin(), types.end(), "platform_workspace_updated"), 1);
}

TEST_F(WorkspacesTest, ArchivedWorkspacesCannotBeChangedEvenToTheSame) {
  auto row = world.make_workspace();
  auto key = world.make_key();
  ASSERT_TRUE(world.attach(row.id, key.row.id));
  ASSERT_TRUE(archive(row.id));
  EXPECT_EQ(world.attach(row.id, key.row.id).error().code, ErrorCode::Invalid);
  EXPECT_EQ(update(row.id, {}).error().code, ErrorCode::Invalid);
}

TEST_F(WorkspacesTest, ArchivedOnesCountAgainstTheWholeNumber) {
  world.settings.max_workspaces = 3;  // the default one among them
  world.rebuild();
  for (int i = 0; i < 2; ++i) {
    auto made = world.make_workspace();
    ASSERT_TRUE(world.run(world.workspaces->archive(world.admin(), made.id)));
  }
  NewWorkspace wanted;
  wanted.name = "One more";
  auto refused = world.run(world.workspaces->create(world.admin(), wanted));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message,
            "This organization has 3 workspaces, archived ones included, and may have at most 3. Archived workspaces "
            "stay: ask the operator to raise quotas.workspaces.");
  EXPECT_TRUE(world.run(world.workspaces->create(world.stranger(), wanted)));
}

}  // namespace
}  // namespace latchkey::admin
