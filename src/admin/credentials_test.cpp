#include "admin/credentials.hpp"

#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/testing/admin_fixture.hpp"
#include "crypto/hash.hpp"
#include "testing/matchers.hpp"

namespace latchkey::admin {
namespace {

using latchkey::testing::IsError;

struct CredentialsTest : ::testing::Test {
  testing::AdminFixture fixture;
  Uuid organization = fixture.own.organization.id;

  Result<audit::Caller> authenticate(std::string key) {
    return fixture.run(fixture.credentials->authenticate(key, "192.0.2.1", "test/1"));
  }
  Result<NewApiKey> create(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    return fixture.run(fixture.credentials->create_api_key(organization, role, "ci", std::move(workspace)));
  }
};

TEST_F(CredentialsTest, KeysHaveTheirRolesShapeAndAuthenticate) {
  auto workspace = fixture.make_workspace();
  struct Case {
    store::Role role;
    std::string prefix;
    std::optional<std::string> workspace;
  };
  const Case kCases[] = {{store::Role::Admin, "sk-latchkey-admin01-", std::nullopt},
                         {store::Role::Service, "sk-latchkey-service01-", std::nullopt},
                         {store::Role::Compliance, "sk-latchkey-compliance01-", std::nullopt},
                         {store::Role::Workspace, "sk-latchkey-workspace01-", workspace.id}};
  for (const auto& c : kCases) {
    auto key = create(c.role, c.workspace).value();
    EXPECT_TRUE(std::regex_match(key.secret, std::regex(c.prefix + "[A-Za-z0-9_-]{43}"))) << key.secret;
    EXPECT_EQ(key.row.hint, "..." + key.secret.substr(key.secret.size() - 4));
    auto caller = authenticate(key.secret);
    ASSERT_TRUE(caller) << caller.error().message();
    EXPECT_EQ(caller.value().api_key_id, key.row.id);
    EXPECT_EQ(caller.value().organization, organization);
    EXPECT_EQ(caller.value().role, c.role);
    EXPECT_EQ(caller.value().workspace_id, c.workspace);
    EXPECT_EQ(caller.value().ip_address, "192.0.2.1");
    EXPECT_EQ(caller.value().user_agent, "test/1");
  }
}

TEST_F(CredentialsTest, OnlyTheHashIsStored) {
  auto key = create(store::Role::Service).value();
  auto rows = fixture.run(fixture.credentials->list_api_keys(organization)).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(key.row.hash, to_bytes(crypto::sha256(as_bytes(key.secret))));
  for (const auto& row : rows) EXPECT_EQ(row.hash.size(), 32U);
}

TEST_F(CredentialsTest, RefusesEveryOtherKeyAlikeAndNeverRepeatsIt) {
  auto good = create(store::Role::Admin).value().secret;
  auto flipped = good;
  flipped.back() = flipped.back() == 'A' ? 'E' : 'A';
  auto other_role = good;
  other_role.replace(other_role.find("admin"), 5, "service");
  for (const auto& bad :
       {std::string(), std::string("x"), good.substr(0, good.size() - 1), good + "A", " " + good, flipped, other_role,
        "sk-latchkey-admin01-" + std::string(43, '!'), std::string(100'000, 'a')}) {
    auto caller = authenticate(bad);
    ASSERT_FALSE(caller) << bad;
    EXPECT_EQ(caller.error().code, ErrorCode::Unauthenticated);
    EXPECT_EQ(caller.error().message(),
              "The API key is not valid: it is unknown, was revoked, or is not whole. Send a current key in the "
              "x-api-key header.");
  }
}

TEST_F(CredentialsTest, ARevokedKeyIsOverAtOnce) {
  auto key = create(store::Role::Service).value();
  ASSERT_TRUE(authenticate(key.secret));
  ASSERT_TRUE(fixture.run(fixture.credentials->revoke_api_key(organization, key.row.id)));
  EXPECT_THAT(authenticate(key.secret), IsError(ErrorCode::Unauthenticated));
  EXPECT_TRUE(fixture.run(fixture.credentials->revoke_api_key(organization, key.row.id))) << "again changes nothing";
  auto foreign =
      fixture.run(fixture.credentials->revoke_api_key(fixture.other.organization.id, fixture.own.admin_key.row.id));
  EXPECT_EQ(foreign.error().code, ErrorCode::NotFound);
  EXPECT_TRUE(authenticate(fixture.own.admin_key.secret));
}

TEST_F(CredentialsTest, WhatOthersDoWithTheirKeysIsNoMatter) {
  auto ours = authenticate(fixture.own.admin_key.secret).value();
  auto theirs = authenticate(fixture.other.admin_key.secret).value();
  auto key = create(store::Role::Service).value();
  EXPECT_FALSE(fixture.credentials->may_have_ended(ours)) << "a new key ends none";
  ASSERT_TRUE(fixture.run(fixture.credentials->revoke_api_key(organization, key.row.id)));
  EXPECT_TRUE(fixture.credentials->may_have_ended(ours));
  EXPECT_FALSE(fixture.credentials->may_have_ended(theirs));
  EXPECT_FALSE(fixture.credentials->may_have_ended(authenticate(fixture.own.admin_key.secret).value())) << "seen since";
  fixture.store().changes().note(theirs.organization);
  EXPECT_TRUE(fixture.credentials->may_have_ended(theirs));
}

// While it is known what other processes change.
TEST_F(CredentialsTest, AKeyIsLookedUpOnceUntilItsOrganizationChanges) {
  auto& watched = fixture.store();
  auto key = create(store::Role::Service).value();
  auto& changes = watched.changes();
  auto look_ups = [&] {
    watched.look_ups = 0;
    auto caller = authenticate(key.secret);
    EXPECT_TRUE(caller);
    EXPECT_EQ(caller.value().api_key_id, key.row.id);
    EXPECT_EQ(caller.value().ip_address, "192.0.2.1");
    return watched.look_ups;
  };
  EXPECT_EQ(look_ups(), 1);
  EXPECT_EQ(look_ups(), 1) << "nothing is known of others";
  changes.known_up_to(fixture.clock.age_time());
  EXPECT_EQ(look_ups(), 0);
  changes.note(fixture.other.organization.id);
  EXPECT_EQ(look_ups(), 0);
  changes.note(organization);
  EXPECT_EQ(look_ups(), 1);
  EXPECT_EQ(look_ups(), 0);
  fixture.clock.advance(store::kRememberedFor);
  changes.known_up_to(fixture.clock.age_time());
  EXPECT_EQ(look_ups(), 1) << "somebody may have written the database past us";
}

TEST_F(CredentialsTest, ARememberedKeyEndsWithItsRevocation) {
  auto& watched = fixture.store();
  auto key = create(store::Role::Service).value();
  watched.changes().known_up_to(fixture.clock.age_time());
  auto caller = authenticate(key.secret).value();
  EXPECT_FALSE(fixture.credentials->may_have_ended(authenticate(key.secret).value()));
  // Nobody gets in once the revocation is durable, before its own caller hears of it.
  watched.after_write = [&]() -> Task<void> {
    watched.after_write = nullptr;
    auto late = co_await fixture.credentials->authenticate(key.secret, "192.0.2.1", "test/1");
    EXPECT_THAT(late, IsError(ErrorCode::Unauthenticated));
    EXPECT_TRUE(fixture.credentials->may_have_ended(caller));
  };
  ASSERT_TRUE(fixture.run(fixture.credentials->revoke_api_key(organization, key.row.id)));
  EXPECT_EQ(watched.after_write, nullptr);
  EXPECT_EQ(fixture.credentials->last_known(*hash_of_api_key(key.secret)), nullptr);
}

TEST_F(CredentialsTest, WhoseAKeyWasIsKnownWithoutTheRequest) {
  auto hash = *hash_of_api_key(fixture.own.admin_key.secret);
  EXPECT_EQ(fixture.credentials->last_known(hash), nullptr);
  ASSERT_TRUE(authenticate(fixture.own.admin_key.secret));
  auto known = fixture.credentials->last_known(hash);
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->api_key_id, fixture.own.admin_key.row.id);
  EXPECT_EQ(known->organization, organization);
  EXPECT_EQ(known->ip_address, "");
  EXPECT_EQ(known->user_agent, "");
}

// Ends a key between the read of its row and its use.
TEST_F(CredentialsTest, AKeyThatEndsWhileItIsReadMayHaveEnded) {
  auto& watched = fixture.store();
  auto key = create(store::Role::Service).value();
  watched.after_look_up = [&]() -> Task<void> {
    watched.after_look_up = nullptr;
    auto revoked = co_await fixture.credentials->revoke_api_key(organization, key.row.id);
    EXPECT_TRUE(revoked);
  };
  auto caller = fixture.run(fixture.credentials->authenticate(key.secret, "192.0.2.1", "test/1"));
  ASSERT_TRUE(caller) << "it was good when it was read";
  EXPECT_TRUE(fixture.credentials->may_have_ended(caller.value()));
  EXPECT_THAT(fixture.run(fixture.credentials->confirm(caller.value())), IsError(ErrorCode::Unauthenticated));
}

// No tenant's lists wait in the lane of look-ups.
TEST_F(CredentialsTest, KeysAreLookedUpInTheLaneWhereNoListsWait) {
  auto& watched = fixture.store();
  watched.look_ups = watched.reads = 0;
  auto caller =
      fixture.run(fixture.credentials->authenticate(fixture.own.admin_key.secret, "192.0.2.1", "test/1")).value();
  ASSERT_TRUE(fixture.run(fixture.credentials->confirm(caller)));
  EXPECT_EQ(watched.look_ups, 2);
  EXPECT_EQ(watched.reads, 0);
}

TEST_F(CredentialsTest, ConfirmingWaitsForNobodyElsesChanges) {
  auto& watched = fixture.store();
  auto caller =
      fixture.run(fixture.credentials->authenticate(fixture.own.admin_key.secret, "192.0.2.1", "test/1")).value();
  watched.after_look_up = [&]() -> Task<void> {
    fixture.store().changes().note(fixture.other.organization.id);
    co_return;
  };
  watched.look_ups = 0;
  EXPECT_TRUE(fixture.run(fixture.credentials->confirm(caller)));
  EXPECT_EQ(watched.look_ups, 1);
  watched.after_look_up = [&]() -> Task<void> {
    fixture.store().changes().note(organization);
    co_return;
  };
  EXPECT_THAT(fixture.run(fixture.credentials->confirm(caller)), IsError(ErrorCode::Unavailable))
      << "its own never end";
}

TEST_F(CredentialsTest, WorkspaceKeysNeedALiveWorkspaceOfTheirOrganization) {
  auto workspace = fixture.make_workspace();
  EXPECT_THAT(create(store::Role::Workspace), IsError(ErrorCode::Invalid));
  EXPECT_THAT(create(store::Role::Service, workspace.id), IsError(ErrorCode::Invalid));
  EXPECT_THAT(create(store::Role::Workspace, "wrkspc_none"), IsError(ErrorCode::NotFound));
  EXPECT_THAT(create(store::Role::Workspace, fixture.other.default_workspace.id), IsError(ErrorCode::NotFound));
  auto key = create(store::Role::Workspace, workspace.id).value();
  ASSERT_TRUE(fixture.run(fixture.workspaces->archive(fixture.admin(), workspace.id)));
  EXPECT_THAT(authenticate(key.secret), IsError(ErrorCode::Unauthenticated)) << "archiving revokes";
  EXPECT_THAT(create(store::Role::Workspace, workspace.id), IsError(ErrorCode::Invalid));
}

TEST_F(CredentialsTest, OrganizationsComeWithADefaultWorkspaceAndAnAdminKey) {
  auto id = parse_uuid("f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c").value();
  auto created = fixture.run(fixture.credentials->create_organization("Third", id)).value();
  EXPECT_EQ(created.organization.id, id);
  EXPECT_TRUE(created.default_workspace.is_default);
  EXPECT_EQ(authenticate(created.admin_key.secret).value().organization, id);
  EXPECT_EQ(fixture.run(fixture.credentials->get_organization(id)).value().name, "Third");
  EXPECT_EQ(fixture.run(fixture.credentials->list_organizations()).value().size(), 3U);

  EXPECT_THAT(fixture.run(fixture.credentials->create_organization("Again", id)), IsError(ErrorCode::Conflict));
  EXPECT_THAT(fixture.run(fixture.credentials->create_organization("", std::nullopt)), IsError(ErrorCode::Invalid));
  EXPECT_THAT(fixture.run(fixture.credentials->create_organization(std::string(256, 'n'), std::nullopt)),
              IsError(ErrorCode::Invalid));
  std::string han;
  for (int i = 0; i < 255; ++i) han += "\u6f22";
  EXPECT_TRUE(fixture.run(fixture.credentials->create_organization(han, std::nullopt)))
      << "characters count, not bytes";
  EXPECT_FALSE(fixture.run(fixture.credentials->create_organization(han + "x", std::nullopt)));
  EXPECT_THAT(fixture.run(fixture.credentials->get_organization(make_uuid(fixture.random))),
              IsError(ErrorCode::NotFound));
  EXPECT_THAT(fixture.run(fixture.credentials->list_api_keys(make_uuid(fixture.random))), IsError(ErrorCode::NotFound));
}

TEST_F(CredentialsTest, AnOrganisationHasSoManyKeysAndNoMore) {
  Credentials few(fixture.store(), fixture.clock, fixture.random, 3);
  auto make = [&](const OrganizationCreated& owner) {
    return fixture.run(few.create_api_key(owner.organization.id, store::Role::Service, "one more", std::nullopt));
  };
  auto first = make(fixture.own);
  ASSERT_TRUE(first);
  ASSERT_TRUE(make(fixture.own));
  auto refused = make(fixture.own);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message(),
            "This organization has 3 API keys, and may have at most 3. Revoke one that is no longer used, or raise "
            "quotas.api_keys.");
  EXPECT_TRUE(make(fixture.other)) << "another's";
  ASSERT_TRUE(fixture.run(few.revoke_api_key(fixture.own.organization.id, first.value().row.id)));
  EXPECT_TRUE(make(fixture.own));
}

}  // namespace
}  // namespace latchkey::admin
