#include "admin/credentials.hpp"

#include <regex>

#include <gtest/gtest.h>

#include "admin/testing/world.hpp"
#include "crypto/hash.hpp"

namespace latchkey::admin {
namespace {

struct CredentialsTest : ::testing::Test {
  testing::World world;
  Uuid organization = world.own.organization.id;

  Result<audit::Caller> authenticate(std::string key) {
    return world.run(world.credentials->authenticate(key, "192.0.2.1", "test/1"));
  }
  Result<NewApiKey> create(store::Role role, std::optional<std::string> workspace = std::nullopt) {
    return world.run(world.credentials->create_api_key(organization, role, "ci", std::move(workspace)));
  }
};

TEST_F(CredentialsTest, KeysHaveTheirRolesShapeAndAuthenticate) {
  auto workspace = world.make_workspace();
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
    ASSERT_TRUE(caller) << caller.error().message;
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
  auto rows = world.run(world.credentials->list_api_keys(organization)).value();
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
    EXPECT_EQ(caller.error().message,
              "The API key is not valid: it is unknown, was revoked, or is not whole. Send a current key in the "
              "x-api-key header.");
  }
}

TEST_F(CredentialsTest, ARevokedKeyIsOverAtOnce) {
  auto key = create(store::Role::Service).value();
  ASSERT_TRUE(authenticate(key.secret));
  ASSERT_TRUE(world.run(world.credentials->revoke_api_key(organization, key.row.id)));
  EXPECT_EQ(authenticate(key.secret).error().code, ErrorCode::Unauthenticated);
  EXPECT_TRUE(world.run(world.credentials->revoke_api_key(organization, key.row.id))) << "again changes nothing";
  auto foreign = world.run(world.credentials->revoke_api_key(world.other.organization.id, world.own.admin_key.row.id));
  EXPECT_EQ(foreign.error().code, ErrorCode::NotFound);
  EXPECT_TRUE(authenticate(world.own.admin_key.secret));
}

TEST_F(CredentialsTest, WhatOthersDoWithTheirKeysIsNoMatter) {
  auto ours = authenticate(world.own.admin_key.secret).value();
  auto theirs = authenticate(world.other.admin_key.secret).value();
  auto key = create(store::Role::Service).value();
  EXPECT_FALSE(world.credentials->may_have_ended(ours)) << "a new key ends none";
  ASSERT_TRUE(world.run(world.credentials->revoke_api_key(organization, key.row.id)));
  EXPECT_TRUE(world.credentials->may_have_ended(ours));
  EXPECT_FALSE(world.credentials->may_have_ended(theirs));
  EXPECT_FALSE(world.credentials->may_have_ended(authenticate(world.own.admin_key.secret).value())) << "seen since";
  world.credentials->note_ended(theirs.organization);
  EXPECT_TRUE(world.credentials->may_have_ended(theirs));
}

// What ends a key between its reading and its use.
TEST_F(CredentialsTest, AKeyThatEndsWhileItIsReadMayHaveEnded) {
  auto& watched = world.store();
  auto key = create(store::Role::Service).value();
  watched.after_look_up = [&]() -> Task<void> {
    watched.after_look_up = nullptr;
    auto revoked = co_await world.credentials->revoke_api_key(organization, key.row.id);
    EXPECT_TRUE(revoked);
  };
  auto caller = world.run(world.credentials->authenticate(key.secret, "192.0.2.1", "test/1"));
  ASSERT_TRUE(caller) << "it was good when it was read";
  EXPECT_TRUE(world.credentials->may_have_ended(caller.value()));
  EXPECT_EQ(world.run(world.credentials->confirm(caller.value())).error().code, ErrorCode::Unauthenticated);
}

// No tenant's lists wait there.
TEST_F(CredentialsTest, KeysAreLookedUpInTheLaneWhereNoListsWait) {
  auto& watched = world.store();
  watched.look_ups = watched.reads = 0;
  auto caller = world.run(world.credentials->authenticate(world.own.admin_key.secret, "192.0.2.1", "test/1")).value();
  ASSERT_TRUE(world.run(world.credentials->confirm(caller)));
  EXPECT_EQ(watched.look_ups, 2);
  EXPECT_EQ(watched.reads, 0);
}

TEST_F(CredentialsTest, ConfirmingWaitsForNobodyElsesChanges) {
  auto& watched = world.store();
  auto caller = world.run(world.credentials->authenticate(world.own.admin_key.secret, "192.0.2.1", "test/1")).value();
  watched.after_look_up = [&]() -> Task<void> {
    world.credentials->note_ended(world.other.organization.id);
    co_return;
  };
  watched.look_ups = 0;
  EXPECT_TRUE(world.run(world.credentials->confirm(caller)));
  EXPECT_EQ(watched.look_ups, 1);
  watched.after_look_up = [&]() -> Task<void> {
    world.credentials->note_ended(organization);
    co_return;
  };
  EXPECT_EQ(world.run(world.credentials->confirm(caller)).error().code, ErrorCode::Unavailable) << "its own never end";
}

TEST_F(CredentialsTest, WorkspaceKeysNeedALiveWorkspaceOfTheirOrganization) {
  auto workspace = world.make_workspace();
  EXPECT_EQ(create(store::Role::Workspace).error().code, ErrorCode::Invalid);
  EXPECT_EQ(create(store::Role::Service, workspace.id).error().code, ErrorCode::Invalid);
  EXPECT_EQ(create(store::Role::Workspace, "wrkspc_none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(create(store::Role::Workspace, world.other.default_workspace.id).error().code, ErrorCode::NotFound);
  auto key = create(store::Role::Workspace, workspace.id).value();
  ASSERT_TRUE(world.run(world.workspaces->archive(world.admin(), workspace.id)));
  EXPECT_EQ(authenticate(key.secret).error().code, ErrorCode::Unauthenticated) << "archiving revokes";
  EXPECT_EQ(create(store::Role::Workspace, workspace.id).error().code, ErrorCode::Invalid);
}

TEST_F(CredentialsTest, OrganizationsComeWithADefaultWorkspaceAndAnAdminKey) {
  auto id = parse_uuid("f8a7b6c5-4d3e-4f1a-8b9c-0d1e2f3a4b5c").value();
  auto created = world.run(world.credentials->create_organization("Third", id)).value();
  EXPECT_EQ(created.organization.id, id);
  EXPECT_TRUE(created.default_workspace.is_default);
  EXPECT_EQ(authenticate(created.admin_key.secret).value().organization, id);
  EXPECT_EQ(world.run(world.credentials->get_organization(id)).value().name, "Third");
  EXPECT_EQ(world.run(world.credentials->list_organizations()).value().size(), 3U);

  EXPECT_EQ(world.run(world.credentials->create_organization("Again", id)).error().code, ErrorCode::Conflict);
  EXPECT_EQ(world.run(world.credentials->create_organization("", std::nullopt)).error().code, ErrorCode::Invalid);
  EXPECT_EQ(world.run(world.credentials->create_organization(std::string(256, 'n'), std::nullopt)).error().code,
            ErrorCode::Invalid);
  std::string han;
  for (int i = 0; i < 255; ++i) han += "\u6f22";
  EXPECT_TRUE(world.run(world.credentials->create_organization(han, std::nullopt))) << "characters count, not bytes";
  EXPECT_FALSE(world.run(world.credentials->create_organization(han + "x", std::nullopt)));
  EXPECT_EQ(world.run(world.credentials->get_organization(make_uuid(world.random))).error().code, ErrorCode::NotFound);
  EXPECT_EQ(world.run(world.credentials->list_api_keys(make_uuid(world.random))).error().code, ErrorCode::NotFound);
}

TEST_F(CredentialsTest, AnOrganisationHasSoManyKeysAndNoMore) {
  Credentials few(world.store(), world.clock, world.random, 3);
  auto make = [&](const OrganizationCreated& owner) {
    return world.run(few.create_api_key(owner.organization.id, store::Role::Service, "one more", std::nullopt));
  };
  auto first = make(world.own);
  ASSERT_TRUE(first);
  ASSERT_TRUE(make(world.own));
  auto refused = make(world.own);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Invalid);
  EXPECT_EQ(refused.error().message,
            "This organization has 3 API keys, and may have at most 3. Revoke one that is no longer used, or raise "
            "quotas.api_keys.");
  EXPECT_TRUE(make(world.other)) << "another's";
  ASSERT_TRUE(world.run(few.revoke_api_key(world.own.organization.id, first.value().row.id)));
  EXPECT_TRUE(make(world.own));
}

}  // namespace
}  // namespace latchkey::admin
