// The promises of every store, whatever its database: each operation, and what a transaction is.
#include "store/testing/store_contract.hpp"

#include <future>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>

#include "store/testing/key_place.hpp"
#include "testing/matchers.hpp"
#include "testing/sample_rows.hpp"

namespace latchkey::store {

namespace {

using namespace store::testing;
using latchkey::testing::IsError;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Workspace attached(Workspace row, const ExternalKey& key) {
  row.external_key_id = key.id;
  return row;
}

ApiKey workspace_key(const Workspace& row, std::uint8_t number) {
  auto key = api_key(kAcme, number);
  key.role = Role::Workspace;
  key.workspace_id = row.id;
  return key;
}

}  // namespace

TEST_P(StoreContract, KeepsOrganizations) {
  given(kOther, kAcme);
  reopen();
  EXPECT_EQ(get([](Transaction& tx) { return tx.find_organization(kAcme.id); }), kAcme);
  EXPECT_EQ(get([](Transaction& tx) { return tx.find_organization(uuid_of(1, 9)); }), std::nullopt);
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), ElementsAre(kAcme, kOther));
}

TEST_P(StoreContract, KeepsApiKeysOfEveryRole) {
  auto home = workspace(kAcme, 1);
  auto admin = api_key(kAcme, 1);
  auto service = api_key(kAcme, 2);
  service.role = Role::Service;
  auto compliance = api_key(kAcme, 3);
  compliance.role = Role::Compliance;
  compliance.revoked_at = at(77);
  auto of_workspace = workspace_key(home, 4);
  auto foreign = api_key(kOther, 5);
  given(kAcme, kOther, home, admin, service, compliance, of_workspace, foreign);
  reopen();
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_api_keys(kAcme.id); }),
              ElementsAre(admin, service, compliance, of_workspace));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(of_workspace.hash); }), of_workspace);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(compliance.hash); }), compliance);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(Bytes(32, 0xee)); }), std::nullopt);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(Bytes()); }), std::nullopt);
}

TEST_P(StoreContract, RevokesAnApiKeyOnce) {
  auto key = api_key(kAcme, 1);
  given(kAcme, kOther, key);
  auto revoke = [&](const Organization& by, std::string id, Timestamp when) {
    return write([=](Transaction& tx) { return tx.revoke_api_key(by.id, id, when); }).value();
  };
  EXPECT_FALSE(revoke(kAcme, "apikey_none", at(1)));
  EXPECT_FALSE(revoke(kOther, key.id, at(1)));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(key.hash); }), key);
  EXPECT_TRUE(revoke(kAcme, key.id, at(2)));
  EXPECT_TRUE(revoke(kAcme, key.id, at(3)));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_api_key_by_hash(key.hash); })->revoked_at, at(2));
}

TEST_P(StoreContract, RevokesTheKeysOfAWorkspaceAlone) {
  auto home = workspace(kAcme, 1);
  auto away = workspace(kAcme, 2);
  auto earlier = workspace_key(home, 1);
  earlier.revoked_at = at(5);
  auto live = workspace_key(home, 2);
  auto elsewhere = workspace_key(away, 3);
  auto admin = api_key(kAcme, 4);
  given(kAcme, home, away, earlier, live, elsewhere, admin);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.revoke_workspace_api_keys(home.id, at(9)); }));
  live.revoked_at = at(9);
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_api_keys(kAcme.id); }),
              ElementsAre(earlier, live, elsewhere, admin));
}

TEST_P(StoreContract, KeepsChangesAndErasesExternalKeys) {
  auto key = external_key(kAcme, 1);
  given(kAcme, kOther, key);
  auto find = [&](const Organization& owner) {
    return get([&](Transaction& tx) { return tx.find_external_key(owner.id, key.id); });
  };
  EXPECT_EQ(find(kAcme), key);
  EXPECT_EQ(find(kOther), std::nullopt);

  key.display_name = "Prod \"key\"; DROP TABLE external_keys; -- \xf0\x9f\x94\x91";
  key.geo = "eu";
  key.provider_config = R"({"type":"memory","name":"k"})";
  key.updated_at = at(999);
  key.revision = 2;
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.update(key); }));
  reopen();
  EXPECT_EQ(find(kAcme), key);

  EXPECT_THAT(write([&](Transaction& tx) { return tx.erase_external_key(kOther.id, key.id); }),
              IsError(ErrorCode::Internal));
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.erase_external_key(kAcme.id, key.id); }));
  EXPECT_EQ(find(kAcme), std::nullopt);
  EXPECT_THAT(write([&](Transaction& tx) { return tx.update(key); }), IsError(ErrorCode::Internal));
}

TEST_P(StoreContract, RefusesToEraseAnExternalKeyInUse) {
  auto key = external_key(kAcme, 1);
  given(kAcme, key, attached(workspace(kAcme, 1), key));
  auto erased = write([&](Transaction& tx) { return tx.erase_external_key(kAcme.id, key.id); });
  ASSERT_FALSE(erased);
  EXPECT_EQ(erased.error().code, ErrorCode::Internal);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_external_key(kAcme.id, key.id); }), key);
}

TEST_P(StoreContract, TellsWhichWorkspacesUseAKey) {
  auto key = external_key(kAcme, 1);
  auto unused = external_key(kAcme, 2);
  auto first = attached(workspace(kAcme, 1), key);
  auto archived = attached(workspace(kAcme, 2), key);
  archived.archived_at = at(1);
  auto third = attached(workspace(kAcme, 3), key);
  given(kAcme, kOther, key, unused, third, archived, first, workspace(kAcme, 4));
  auto using_key = [&](const Organization& owner, const ExternalKey& which, std::size_t limit) {
    return get([&](Transaction& tx) { return tx.workspaces_using(owner.id, which.id, limit); });
  };
  EXPECT_THAT(using_key(kAcme, key, 10), ElementsAre(first, archived, third));
  EXPECT_THAT(using_key(kAcme, key, 2), ElementsAre(first, archived));
  EXPECT_THAT(using_key(kAcme, unused, 10), IsEmpty());
  EXPECT_THAT(using_key(kOther, key, 10), IsEmpty());
}

TEST_P(StoreContract, KeepsAndChangesWorkspaces) {
  auto key = external_key(kAcme, 1);
  auto row = workspace(kAcme, 1);
  row.is_default = true;
  row.tags = {{"team", "pay\"ments\n"}, {"", ""}, {"raw", std::string("a\0b\xff", 4)}};
  given(kAcme, kOther, key, row);
  reopen();
  auto find = [&](const Organization& owner) {
    return get([&](Transaction& tx) { return tx.find_workspace(owner.id, row.id); });
  };
  EXPECT_EQ(find(kAcme), row);
  EXPECT_EQ(find(kOther), std::nullopt);

  row.name = "Renamed";
  row.display_color = "#123456";
  row.external_key_id = key.id;
  row.allowed_inference_geos = R"(["us"])";
  row.default_inference_geo = "us";
  row.tags = {{"team", "ledger"}};
  row.archived_at = at(12345);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.update(row); }));
  reopen();
  EXPECT_EQ(find(kAcme), row);

  auto absent = workspace(kAcme, 2);
  EXPECT_THAT(write([&](Transaction& tx) { return tx.update(absent); }), IsError(ErrorCode::Internal));
  row.organization = kOther.id;
  EXPECT_THAT(write([&](Transaction& tx) { return tx.update(row); }), IsError(ErrorCode::Internal));
}

TEST_P(StoreContract, TheExternalKeyOfAWorkspaceIsWriteOnce) {
  auto key = external_key(kAcme, 1);
  auto second = external_key(kAcme, 2);
  auto row = attached(workspace(kAcme, 1), key);
  given(kAcme, key, second, row);
  for (const auto& other : {std::optional(second.id), std::optional<std::string>()}) {
    auto changed = row;
    changed.external_key_id = other;
    auto done = write([&](Transaction& tx) { return tx.update(changed); });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Internal);
    EXPECT_THAT(done.error().message(), HasSubstr("write-once"));
  }
  row.name = "Another name, the same key";
  EXPECT_TRUE(write([&](Transaction& tx) { return tx.update(row); }));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_workspace(kAcme.id, row.id); }), row);
}

TEST_P(StoreContract, CountsLiveWorkspaces) {
  auto archived = workspace(kAcme, 2);
  archived.archived_at = at(1);
  auto main = workspace(kAcme, 3);
  main.is_default = true;
  given(kAcme, kOther, workspace(kAcme, 1), archived, main, workspace(kOther, 4));
  EXPECT_EQ(get([](Transaction& tx) { return tx.count_live_workspaces(kAcme.id); }), 2U);
  EXPECT_EQ(get([](Transaction& tx) { return tx.count_live_workspaces(kOther.id); }), 1U);
  EXPECT_EQ(get([](Transaction& tx) { return tx.count_live_workspaces(uuid_of(1, 9)); }), 0U);
}

TEST_P(StoreContract, TheFirstActiveDataKeyStays) {
  auto key = external_key(kAcme, 1);
  auto home = attached(workspace(kAcme, 1), key);
  auto away = workspace(kAcme, 2);
  auto first = data_key(home, 1);
  auto late = data_key(home, 2);
  auto elsewhere = data_key(away, 3);
  auto before_attach = data_key(home, 4);
  before_attach.external_key_id.reset();
  given(kAcme, key, home, away);
  auto insert = [&](const DataKey& row) {
    return write([&](Transaction& tx) { return tx.insert_active_data_key(row); }).value();
  };
  EXPECT_EQ(insert(first), first);
  EXPECT_EQ(insert(late), first);
  EXPECT_EQ(insert(elsewhere), elsewhere);
  EXPECT_EQ(insert(before_attach), before_attach);
  reopen();
  auto active = [&](const Workspace& row, const std::optional<std::string>& external) {
    return get([&](Transaction& tx) { return tx.find_active_data_key(row.compartment, external); });
  };
  EXPECT_EQ(active(home, key.id), first);
  EXPECT_EQ(active(home, std::nullopt), before_attach);
  EXPECT_EQ(active(away, std::nullopt), elsewhere);
  EXPECT_EQ(active(away, key.id), std::nullopt);
}

TEST_P(StoreContract, FindsADataKeyInItsOwnCompartmentAlone) {
  auto home = workspace(kAcme, 1);
  auto away = workspace(kAcme, 2);
  auto key = data_key(home, 1);
  given(kAcme, home, away);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert_active_data_key(key); }));
  auto find = [&](const Uuid& compartment, const RawId& id) {
    return get([&](Transaction& tx) { return tx.find_data_key(compartment, id); });
  };
  EXPECT_EQ(find(home.compartment, key.id), key);
  EXPECT_EQ(find(away.compartment, key.id), std::nullopt);
  EXPECT_EQ(find(home.compartment, RawId{9}), std::nullopt);
}

TEST_P(StoreContract, RefusesToInsertARetiredDataKey) {
  auto home = workspace(kAcme, 1);
  auto key = data_key(home, 1);
  key.state = DataKeyState::Retired;
  given(kAcme, home);
  EXPECT_THAT(write([&](Transaction& tx) { return tx.insert_active_data_key(key); }), IsError(ErrorCode::Internal));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.find_data_key(home.compartment, key.id); }), std::nullopt);
}

TEST_P(StoreContract, OfTwoAtOnceOneActiveDataKeyWins) {
  constexpr std::uint8_t kRounds = 20;
  given(kAcme);
  for (std::uint8_t round = 0; round < kRounds; ++round) {
    auto home = workspace(kAcme, round);
    given(home);
    auto insert = [&](std::uint8_t number) {
      return write([&](Transaction& tx) { return tx.insert_active_data_key(data_key(home, number)); }).value();
    };
    auto other = std::async(std::launch::async, insert, static_cast<std::uint8_t>(2 * round));
    auto mine = insert(static_cast<std::uint8_t>(2 * round + 1));
    EXPECT_EQ(mine, other.get());
    EXPECT_EQ(get([&](Transaction& tx) { return tx.find_active_data_key(home.compartment, std::nullopt); }), mine);
  }
}

// The database itself refuses each of these, so that a bug in the layers above loses nothing.
TEST_P(StoreContract, RefusesRowsThatReferToNothingOrAgainstTheRules) {
  auto key = external_key(kAcme, 1);
  auto foreign_key = external_key(kOther, 2);
  auto home = workspace(kAcme, 1);
  home.is_default = true;
  auto admin = api_key(kAcme, 1);
  given(kAcme, kOther, key, foreign_key, home, admin, activity(kAcme, 1));

  auto second_default = workspace(kAcme, 2);
  second_default.is_default = true;
  auto same_compartment = workspace(kAcme, 3);
  same_compartment.compartment = home.compartment;
  auto same_hash = api_key(kAcme, 2);
  same_hash.hash = admin.hash;
  auto short_hash = api_key(kAcme, 3);
  short_hash.hash.pop_back();
  auto homeless = api_key(kAcme, 4);
  homeless.role = Role::Workspace;
  auto of_foreign_workspace = workspace_key(home, 5);
  of_foreign_workspace.organization = kOther.id;
  auto of_no_key = data_key(home, 1);
  of_no_key.external_key_id = "ekey_none";
  auto of_foreign_organization = data_key(home, 2);
  of_foreign_organization.organization = kOther.id;

  using Insert = std::function<Result<void>(Transaction&)>;
  auto row = [](auto value) -> Insert { return [value](Transaction& tx) { return tx.insert(value); }; };
  auto active = [](DataKey value) -> Insert {
    return [value](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert_active_data_key(value));
      return success();
    };
  };
  const std::pair<std::string, Insert> cases[] = {
      {"an organization twice", row(kAcme)},
      {"an external key twice", row(key)},
      {"an external key of no organization", row(external_key(organization(9), 9))},
      {"a workspace twice", row(home)},
      {"a workspace of no organization", row(workspace(organization(9), 9))},
      {"a workspace with a foreign external key", row(attached(workspace(kAcme, 4), foreign_key))},
      {"a second default workspace", row(second_default)},
      {"a compartment twice", row(same_compartment)},
      {"an API key twice", row(admin)},
      {"an API key's hash twice", row(same_hash)},
      {"an API key's hash of 31 bytes", row(short_hash)},
      {"a workspace's API key without workspace", row(homeless)},
      {"an API key of another organization's workspace", row(of_foreign_workspace)},
      {"a data key of no workspace", active(data_key(workspace(kAcme, 9), 9))},
      {"a data key of no external key", active(of_no_key)},
      {"a data key under another organization", active(of_foreign_organization)},
      {"an activity twice", row(activity(kAcme, 1))},
      {"an activity of no organization", row(activity(organization(9), 9))},
  };
  for (const auto& [what, insert] : cases) {
    auto done = write(insert);
    ASSERT_FALSE(done) << what;
    EXPECT_EQ(done.error().code, ErrorCode::Internal) << what;
  }
}

constexpr ReasonEntry kMindChanged{"mind_changed", ReasonClass::Other, ErrorCode::Conflict};

TEST_P(StoreContract, AnErrorLeavesNothingBehind) {
  auto done = write([](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(kAcme));
    LATCHKEY_TRYV(tx.insert(external_key(kAcme, 1)));
    return Error{ErrorCode::Conflict, "changed my mind", kMindChanged};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Conflict);
  EXPECT_EQ(done.error().reason, kMindChanged);
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), IsEmpty());
  given(kAcme);
}

TEST_P(StoreContract, AnExceptionIsAnErrorAndLeavesNothingBehind) {
  auto done = write([](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(kAcme));
    throw std::runtime_error("boom");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Internal);
  EXPECT_THAT(done.error().message(), HasSubstr("boom"));
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), IsEmpty());
  auto failed_read = read([](Transaction&) -> Result<int> { throw 42; });
  EXPECT_EQ(failed_read.error().code, ErrorCode::Internal);
  given(kAcme);
}

TEST_P(StoreContract, AFailureThatTheWorkSwallowsStillRollsBack) {
  given(kAcme);
  auto done = write([](Transaction& tx) -> Result<void> {
    EXPECT_TRUE(tx.insert(kOther));
    EXPECT_FALSE(tx.insert(kAcme));
    EXPECT_FALSE(tx.insert(organization(3)));
    EXPECT_FALSE(tx.list_organizations());
    return success();
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Internal);
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), ElementsAre(kAcme));
}

TEST_P(StoreContract, ReadTransactionsRefuseEveryWrite) {
  auto key = external_key(kAcme, 1);
  auto home = workspace(kAcme, 1);
  given(kAcme, key, home);
  using Write = std::function<Result<void>(Transaction&)>;
  auto drop = [](auto result) -> Result<void> {
    if (!result) return result.error();
    return success();
  };
  const Write writes[] = {
      [](Transaction& tx) { return tx.insert(kOther); },
      [](Transaction& tx) { return tx.insert(api_key(kAcme, 1)); },
      [](Transaction& tx) { return tx.insert(external_key(kAcme, 2)); },
      [](Transaction& tx) { return tx.insert(workspace(kAcme, 2)); },
      [](Transaction& tx) { return tx.insert(activity(kAcme, 1)); },
      [&](Transaction& tx) { return tx.update(key); },
      [&](Transaction& tx) { return tx.update(home); },
      [&](Transaction& tx) { return tx.erase_external_key(kAcme.id, key.id); },
      [&](Transaction& tx) { return drop(tx.revoke_api_key(kAcme.id, "apikey_001", at(1))); },
      [&](Transaction& tx) { return tx.revoke_workspace_api_keys(home.id, at(1)); },
      [&](Transaction& tx) { return drop(tx.insert_active_data_key(data_key(home, 1))); },
  };
  for (const auto& refused : writes) {
    auto done = read(refused);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Internal);
    EXPECT_THAT(done.error().message(), HasSubstr("read transaction"));
  }
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), ElementsAre(kAcme));
}

TEST_P(StoreContract, AWriteSeesItsOwnChangesAndOthersDoNotUntilItIsDone) {
  std::promise<void> written;
  std::promise<void> looked;
  auto writer = std::async(std::launch::async, [&] {
    return write([&](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(kAcme));
      LATCHKEY_TRY(auto own, tx.find_organization(kAcme.id));
      EXPECT_EQ(own, kAcme);
      written.set_value();
      looked.get_future().wait();
      return success();
    });
  });
  written.get_future().wait();
  EXPECT_EQ(get([](Transaction& tx) { return tx.find_organization(kAcme.id); }), std::nullopt);
  looked.set_value();
  ASSERT_TRUE(writer.get());
  EXPECT_EQ(get([](Transaction& tx) { return tx.find_organization(kAcme.id); }), kAcme);
}

TEST_P(StoreContract, AReadSeesOneSnapshotFromItsStart) {
  std::promise<void> started;
  std::promise<void> changed;
  auto reader = std::async(std::launch::async, [&] {
    return read([&](Transaction& tx) -> Result<std::vector<Organization>> {
      started.set_value();
      changed.get_future().wait();
      return tx.list_organizations();
    });
  });
  started.get_future().wait();
  given(kAcme);
  changed.set_value();
  EXPECT_THAT(reader.get().value(), IsEmpty());
  EXPECT_THAT(get([](Transaction& tx) { return tx.list_organizations(); }), ElementsAre(kAcme));
}

TEST_P(StoreContract, ManyWritersAndReadersLoseNothing) {
  constexpr std::uint8_t kWriters = 4;
  constexpr std::uint8_t kEach = 10;
  given(kAcme);
  std::vector<std::thread> threads;
  for (std::uint8_t writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([this, writer] {
      for (std::uint8_t i = 0; i < kEach; ++i) {
        auto number = static_cast<std::uint8_t>(writer * kEach + i);
        // A key and its activity belong together: no reader may see one without the other.
        auto done = write([&](Transaction& tx) -> Result<void> {
          LATCHKEY_TRYV(tx.insert(external_key(kAcme, number)));
          return tx.insert(activity(kAcme, number));
        });
        EXPECT_TRUE(done) << done.error().message();
        auto counts = get([](Transaction& tx) -> Result<std::pair<std::size_t, std::size_t>> {
          ActivityFilter filter;
          filter.organization = kAcme.id;
          ListWindow window;
          window.limit = 1000;
          LATCHKEY_TRY(auto keys, tx.list_external_keys(kAcme.id, window));
          LATCHKEY_TRY(auto activities, tx.list_activities(filter, window));
          return std::pair(keys.rows.size(), activities.rows.size());
        });
        EXPECT_EQ(counts.first, counts.second);
        EXPECT_GT(counts.first, i);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ListWindow window;
  window.limit = 1000;
  EXPECT_EQ(get([&](Transaction& tx) { return tx.list_external_keys(kAcme.id, window); }).rows.size(),
            std::size_t{kWriters * kEach});
}

TEST_P(StoreContract, CountsWhatAnOrganisationHas) {
  auto archived = workspace(kAcme, 2);
  archived.archived_at = at(9);
  auto revoked = api_key(kAcme, 2);
  revoked.revoked_at = at(9);
  given(kAcme, kOther, workspace(kAcme, 1), archived, workspace(kOther, 3), api_key(kAcme, 1), revoked,
        api_key(kOther, 3), external_key(kAcme, 1), external_key(kAcme, 2), external_key(kOther, 3));
  EXPECT_EQ(get([&](Transaction& tx) { return tx.count_workspaces(kAcme.id); }), 2U);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.count_live_workspaces(kAcme.id); }), 1U);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.count_live_api_keys(kAcme.id); }), 1U);
  EXPECT_EQ(get([&](Transaction& tx) { return tx.count_external_keys(kAcme.id); }), 2U);
}

TEST_P(StoreContract, AKeyThatIsAttachedElsewhereIsFoundHoweverItIsSpelled) {
  auto key = external_key(kAcme, 1);
  key.provider_config = config_at("Contoso/MyKey");
  auto unattached = external_key(kAcme, 2);
  unattached.provider_config = config_at("fabrikam/mykey");
  given(kAcme, kOther, key, unattached, attached(workspace(kAcme, 1), key));
  auto elsewhere = [&](const Organization& own, std::string_view place) {
    return get([&](Transaction& tx) { return tx.is_attached_elsewhere(own.id, place); });
  };
  EXPECT_TRUE(elsewhere(kOther, "contoso/mykey"));
  EXPECT_FALSE(elsewhere(kAcme, "contoso/mykey")) << "one's own";
  EXPECT_FALSE(elsewhere(kOther, "contoso/other"));
  EXPECT_FALSE(elsewhere(kOther, "fabrikam/mykey")) << "no workspace has it";
  key.provider_config = config_at("Northwind/MyKey");
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.update(key); }));
  EXPECT_TRUE(elsewhere(kOther, "northwind/mykey"));
  EXPECT_FALSE(elsewhere(kOther, "contoso/mykey"));
}

LATCHKEY_TEST_EVERY_STORE(StoreContract);

}  // namespace latchkey::store
