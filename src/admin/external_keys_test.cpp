#include "admin/external_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "kms/reasons.hpp"
#include "testing/matchers.hpp"
#include "testing/reasons.hpp"

namespace latchkey::admin {
namespace {

using latchkey::testing::IsError;
using latchkey::testing::IsErrorThatSays;

struct ExternalKeysTest : ::testing::Test {
  testing::AdminFixture fixture;

  Result<ExternalKeyView> update(const std::string& id, ExternalKeyChange change) {
    return fixture.run(fixture.keys->update(fixture.admin(), id, std::move(change)));
  }
  static ExternalKeyChange rename(std::optional<std::string> name) {
    ExternalKeyChange change;
    change.sets_display_name = true;
    change.display_name = std::move(name);
    return change;
  }
  static ExternalKeyChange reconfigure(std::string key_name) {
    ExternalKeyChange change;
    change.key = testing::AdminFixture::new_key(std::move(key_name)).key;
    return change;
  }
};

TEST_F(ExternalKeysTest, CreateStoresWithoutAskingTheKey) {
  fixture.provider.failure = Error{ErrorCode::KeyDenied, "no"};
  auto key = fixture.make_key();
  EXPECT_TRUE(parse_id(id_prefix::kExternalKey, key.row.id));
  EXPECT_FALSE(key.attached);
  EXPECT_EQ(key.row.created_at, key.row.updated_at);
  EXPECT_EQ(fixture.provider.calls(), 0);
  auto found = fixture.run(fixture.keys->get(fixture.admin(), key.row.id)).value();
  EXPECT_EQ(found.row.provider_config, key.row.provider_config);
  EXPECT_EQ(found.row.display_name, "cmek");
  auto activity = fixture.activities().at(0);
  EXPECT_EQ(activity.at("type"), "org_external_key_created");
  EXPECT_EQ(testing::text_of(activity.at("external_key_id")), key.row.id);
  EXPECT_EQ(activity.at("provider"), "memory");
}

TEST_F(ExternalKeysTest, OnlyTheGeoUs) {
  auto wanted = testing::AdminFixture::new_key();
  wanted.geo = "eu";
  EXPECT_THAT(fixture.run(fixture.keys->create(fixture.admin(), wanted)), IsErrorThatSays("geo: Input should be 'us'"));
  ExternalKeyChange change;
  change.geo = "eu";
  EXPECT_THAT(update(fixture.make_key().row.id, change), IsErrorThatSays("geo: Input should be 'us'"));
}

TEST_F(ExternalKeysTest, OtherOrganizationsKeysAreNotThere) {
  auto id = fixture.make_key().row.id;
  auto stranger = fixture.stranger();
  EXPECT_THAT(fixture.run(fixture.keys->get(stranger, id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.keys->update(stranger, id, rename("x"))), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.keys->remove(stranger, id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.keys->validate(stranger, id)), IsError(ErrorCode::NotFound));
  EXPECT_TRUE(fixture.run(fixture.keys->list(stranger, 20, std::nullopt)).value().keys.empty());
  EXPECT_EQ(fixture.provider.calls(), 0);
  EXPECT_THAT(fixture.run(fixture.keys->get(fixture.admin(), "ekey_none")),
              IsErrorThatSays("There is no external key ekey_none in this organization."));
}

TEST_F(ExternalKeysTest, ListsNewestFirstInPages) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(made.begin(), fixture.make_key("k" + std::to_string(i)).row.id);
  std::vector<std::string> seen;
  std::optional<std::string> page;
  int pages = 0;
  do {
    auto listed = fixture.run(fixture.keys->list(fixture.admin(), 2, page)).value();
    EXPECT_LE(listed.keys.size(), 2U);
    for (const auto& key : listed.keys) seen.push_back(key.row.id);
    page = listed.next_page;
    ++pages;
  } while (page);
  EXPECT_EQ(seen, made);
  EXPECT_EQ(pages, 3);
  EXPECT_FALSE(fixture.run(fixture.keys->list(fixture.admin(), 5, std::nullopt)).value().next_page);
}

TEST_F(ExternalKeysTest, CursorsOfOthersAreRefused) {
  (void)fixture.make_key();
  (void)fixture.make_key();
  auto cursor = fixture.run(fixture.keys->list(fixture.admin(), 1, std::nullopt)).value().next_page.value();
  EXPECT_THAT(fixture.run(fixture.keys->list(fixture.stranger(), 1, cursor)), IsError(ErrorCode::Invalid));
  cursor[3] = cursor[3] == 'A' ? 'B' : 'A';
  EXPECT_THAT(fixture.run(fixture.keys->list(fixture.admin(), 1, cursor)), IsError(ErrorCode::Invalid));
}

TEST_F(ExternalKeysTest, UpdateChangesWhatItNames) {
  auto key = fixture.make_key();
  fixture.clock.advance(std::chrono::seconds(5));
  auto renamed = update(key.row.id, rename("new")).value();
  EXPECT_EQ(renamed.row.display_name, "new");
  EXPECT_EQ(renamed.row.provider_config, key.row.provider_config);
  EXPECT_GT(renamed.row.updated_at, key.row.updated_at);
  EXPECT_EQ(renamed.row.revision, key.row.revision);
  EXPECT_FALSE(update(key.row.id, rename(std::nullopt)).value().row.display_name);

  fixture.clock.advance(std::chrono::seconds(5));
  auto moved = update(key.row.id, reconfigure("other")).value();
  EXPECT_NE(moved.row.provider_config, key.row.provider_config);
  EXPECT_EQ(moved.row.revision, key.row.revision + 1);

  auto updates = fixture.last_activity("org_external_key_updated").at("updates").as_array();
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].at("type"), "provider_config");
  EXPECT_EQ(testing::text_of(updates[0].at("previous_value")), key.row.provider_config);
  EXPECT_EQ(testing::text_of(updates[0].at("current_value")), moved.row.provider_config);
}

TEST_F(ExternalKeysTest, AnUpdateThatChangesNothingLeavesNothing) {
  auto key = fixture.make_key();
  fixture.clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(update(key.row.id, {}).value().row.updated_at, key.row.updated_at);
  EXPECT_EQ(update(key.row.id, reconfigure("cmek")).value().row.revision, key.row.revision);
  EXPECT_EQ(fixture.activity_types(), std::vector<std::string>{"org_external_key_created"});
}

TEST_F(ExternalKeysTest, AnAttachedKeyIsFrozenAndStays) {
  auto key = fixture.make_key();
  std::string names;
  for (int i = 0; i < 6; ++i) {
    auto workspace = fixture.make_workspace("w" + std::to_string(i));
    ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  }
  EXPECT_TRUE(fixture.run(fixture.keys->get(fixture.admin(), key.row.id)).value().attached);
  EXPECT_TRUE(fixture.run(fixture.keys->list(fixture.admin(), 5, std::nullopt)).value().keys.at(0).attached);

  auto reconfigured = update(key.row.id, reconfigure("other"));
  EXPECT_EQ(reconfigured.error().code, ErrorCode::Invalid);
  EXPECT_TRUE(reconfigured.error().message().starts_with("External key " + key.row.id +
                                                         " cannot be reconfigured: the data of wrkspc_"))
      << reconfigured.error().message();
  auto removed = fixture.run(fixture.keys->remove(fixture.admin(), key.row.id));
  EXPECT_EQ(removed.error().code, ErrorCode::Invalid);
  auto message = removed.error().message();
  std::size_t named = 0;
  for (auto at = message.find("wrkspc_"); at != std::string::npos; at = message.find("wrkspc_", at + 1)) ++named;
  EXPECT_EQ(named, 5U) << message;
  EXPECT_NE(message.find(" and others is encrypted under it"), std::string::npos) << message;

  EXPECT_TRUE(update(key.row.id, rename("still editable")));
  EXPECT_TRUE(update(key.row.id, reconfigure("cmek"))) << "the same is no change";
}

TEST_F(ExternalKeysTest, AnArchivedWorkspaceHoldsItsKeyToo) {
  auto key = fixture.make_key();
  auto workspace = fixture.make_workspace("Old");
  ASSERT_TRUE(fixture.attach(workspace.id, key.row.id));
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_TRUE(fixture.run(fixture.keys->get(fixture.admin(), key.row.id)).value().attached);
  auto removed = fixture.run(fixture.keys->remove(fixture.admin(), key.row.id));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().message(),
            "External key " + key.row.id + " cannot be deleted: the data of " + workspace.id +
                " (\"Old\", archived) is encrypted under it. A key stays with its workspaces for good, archived ones "
                "included.");
}

TEST_F(ExternalKeysTest, AnUnattachedKeyIsDeletedForGood) {
  auto key = fixture.make_key();
  ASSERT_TRUE(fixture.run(fixture.keys->remove(fixture.admin(), key.row.id)));
  EXPECT_THAT(fixture.run(fixture.keys->get(fixture.admin(), key.row.id)), IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.keys->remove(fixture.admin(), key.row.id)), IsError(ErrorCode::NotFound));
  EXPECT_EQ(fixture.activity_types(),
            (std::vector<std::string>{"org_external_key_created", "org_external_key_deleted"}));
}

TEST_F(ExternalKeysTest, ValidationTellsSuccess) {
  auto key = fixture.make_key();
  auto outcome = fixture.run(fixture.keys->validate(fixture.admin(), key.row.id)).value();
  EXPECT_TRUE(outcome.success);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(fixture.provider.wraps, 1);
  EXPECT_EQ(fixture.provider.unwraps, 1);
  auto activity = fixture.last_activity("org_external_key_validated");
  EXPECT_EQ(activity.at("validation_result"), "success");
}

TEST_F(ExternalKeysTest, EveryFailureOfTheKeyIsAnOutcome) {
  auto key = fixture.make_key();
  const Error kFailures[] = {
      {ErrorCode::KeyDenied, "the key is disabled", kms::reason::kKeyDisabled},
      {ErrorCode::NetworkBlocked, "the firewall blocks us", latchkey::testing::kVaultFirewall},
      {ErrorCode::KeyUnreachable, "503 from the vault", kms::reason::kProviderFault},
      {ErrorCode::Corrupt, "no ciphertext of that key"},
      {ErrorCode::Invalid, "no provider"},
      {ErrorCode::Internal, "a bug"},
  };
  for (const auto& failure : kFailures) {
    fixture.clock.advance(std::chrono::seconds(1));
    fixture.provider.failure = failure;
    auto outcome = fixture.run(fixture.keys->validate(fixture.admin(), key.row.id));
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_FALSE(outcome.value().success);
    EXPECT_EQ(outcome.value().error, failure.message());
  }
  EXPECT_EQ(fixture.activities().back().at("validation_result"), "failure");
  EXPECT_EQ(fixture.activities().size(), 1 + std::size(kFailures));
}

TEST_F(ExternalKeysTest, ValidationHasItsTime) {
  auto key = fixture.make_key();
  fixture.provider.interruption = [this]() -> Task<void> {
    fixture.clock.advance(std::chrono::seconds(31));
    co_return;
  };
  fixture.provider.failure = Error{ErrorCode::KeyUnreachable, "no response from the vault", kms::reason::kTimedOut};
  auto outcome = fixture.run(fixture.keys->validate(fixture.admin(), key.row.id)).value();
  EXPECT_FALSE(outcome.success);
  EXPECT_TRUE(outcome.timed_out);
  EXPECT_TRUE(outcome.error.starts_with("The key did not answer within 30 seconds. Wait a moment, then try again. ("))
      << outcome.error;
}

TEST_F(ExternalKeysTest, AKeyThatDoesNotGiveBackWhatItTookFails) {
  auto key = fixture.make_key();
  fixture.provider.spoils_unwrap = true;
  EXPECT_FALSE(fixture.run(fixture.keys->validate(fixture.admin(), key.row.id)).value().success);
}

TEST_F(ExternalKeysTest, AnOrganisationHasSoManyAndNoMore) {
  fixture.settings.max_external_keys = 2;
  fixture.rebuild();
  auto first = fixture.make_key("one");
  (void)fixture.make_key("two");
  auto third = [&](const audit::Caller& caller) {
    return fixture.run(fixture.keys->create(caller, fixture.new_key("three")));
  };
  auto refused = third(fixture.admin());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message(),
            "This organization has 2 external keys, and may have at most 2. Delete one that no workspace uses, or ask "
            "the operator to raise quotas.external_keys.");
  EXPECT_TRUE(third(fixture.stranger())) << "another organisation";
  ASSERT_TRUE(fixture.run(fixture.keys->remove(fixture.admin(), first.row.id)));
  EXPECT_TRUE(third(fixture.admin()));
}

}  // namespace
}  // namespace latchkey::admin
