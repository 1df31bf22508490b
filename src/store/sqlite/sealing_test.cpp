// What an intruder who can write the database file can achieve: every test writes it past the store, as the intruder
// would.
#include "store/sql/sealing.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "store/testing/sealing_fixture.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SealingTest, WhatLatchkeyWritesVerifies) {
  given_all();
  EXPECT_EQ(refused(), 0);
}

// By this column the store finds that another organisation uses the key: an intruder who hides it would avoid the
// demand for the tag.
TEST_F(SealingTest, AKeyThatWasHiddenFromOtherOrganizationsIsNoticed) {
  given_all();
  auto read_key = [&] { return read([&](Transaction& tx) { return tx.find_external_key(kAcme.id, "ekey_001"); }); };
  for (const char* place : {"NULL", "''", "key_place || '-2'"}) {
    auto kept = query("SELECT key_place FROM external_keys");
    EXPECT_EQ(kept, "acme/orders");
    ASSERT_EQ(tamper(fmt::format("UPDATE external_keys SET key_place = {}", place)), "");
    EXPECT_FALSE(read_key()) << place;
    EXPECT_THAT(take_alarms(), ElementsAre("external_keys ekey_001")) << place;
    ASSERT_EQ(tamper(fmt::format("UPDATE external_keys SET key_place = '{}'", kept)), "");
    EXPECT_TRUE(read_key()) << place;
  }
}

// Nor may a row that somebody else changed spare anybody the demand: it is noticed, and counts.
TEST_F(SealingTest, AKeyThatWasGivenAnotherPlaceIsNoticedWhereItIsFound) {
  given_all();
  auto elsewhere = [&](std::string_view place) {
    auto found = read([&](Transaction& tx) { return tx.is_attached_elsewhere(organization(2).id, place); });
    EXPECT_TRUE(found);
    return found && found.value();
  };
  EXPECT_TRUE(elsewhere("acme/orders"));
  EXPECT_THAT(take_alarms(), IsEmpty());
  for (const char* change : {"key_place = 'fabrikam/k'", "key_place = 'fabrikam/k', created_at = x'00'"}) {
    if (!tamper(fmt::format("UPDATE external_keys SET {}", change)).empty()) continue;  // no such type in its column
    EXPECT_TRUE(elsewhere("fabrikam/k")) << change;
    EXPECT_THAT(take_alarms(), ElementsAre("external_keys ekey_001")) << change;
  }
}

// An index of the attacker's own in the place of the store's: rows that verify are found where others are asked for.
TEST_F(SealingTest, ARowThatAnIndexLeadsToIsTheOneThatWasAskedFor) {
  given_all();
  auto exchange = [&](const std::string& table, const std::string& columns, const std::string& values,
                      const std::string& of, const std::string& index) {
    store_.reset();
    EXPECT_EQ(tamper(fmt::format(
                  "CREATE TABLE {0} ({1}, UNIQUE ({1})); INSERT INTO {0} (rowid, {1}) SELECT rowid, {2} FROM {3};"
                  "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = (SELECT other.rootpage FROM "
                  "sqlite_master AS other WHERE other.name = iif(sqlite_master.name = '{4}', 'sqlite_autoindex_{0}_1', "
                  "'{4}')) WHERE name IN ('{4}', 'sqlite_autoindex_{0}_1');",
                  table, columns, values, of, index)),
              "");
    open();
  };
  // The attacker's known API key would open the victim's organisation.
  Bytes known(32, 0xee);
  exchange("evil_keys", "hash", fmt::format("x'{}'", hex_encode(known)), "api_keys WHERE id = 'apikey_001'",
           "sqlite_autoindex_api_keys_2");
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(known); }));
  EXPECT_THAT(take_alarms(), ElementsAre("api_keys apikey_001"));
  // Another tenant's data key would be the active one.
  exchange("evil_data_keys", "compartment, external_key",
           fmt::format("x'{}', 'ekey_001'", hex_encode(organization(2).id.data)), "data_keys", "data_keys_one_active");
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_active_data_key(organization(2).id, "ekey_001"); }));
  auto alarmed = ElementsAre("data_keys " + format_id(id_prefix::kDataKey, data_key_.id));
  EXPECT_THAT(take_alarms(), alarmed);
  // It must not be destroyed with the attacker's workspace either.
  exchange("evil_lists", "compartment, created_at, id",
           fmt::format("x'{}', created_at, id", hex_encode(organization(2).id.data)), "data_keys",
           "data_keys_by_compartment");
  EXPECT_FALSE(write([&](Transaction& tx) { return tx.destroy_data_keys(organization(2).id, at(2000), 1000); }));
  EXPECT_THAT(take_alarms(), alarmed);
  EXPECT_EQ(query("SELECT state FROM data_keys"), "active");
}

TEST_F(SealingTest, AnInventedRowIsNoticedWhateverItsSeal) {
  given_all();
  for (const char* seal : {"NULL", "x''", "x'00'", "zeroblob(40)", "'text'", "(SELECT seal FROM api_keys LIMIT 1)"}) {
    // The attacker's own data key would replace the active one.
    auto sql = fmt::format(
        "UPDATE data_keys SET state = 'retired' WHERE state = 'active';"
        "INSERT INTO data_keys (id, organization, compartment, external_key_id, key_version, wrapped, "
        "state, created_at, seal) SELECT randomblob(16), organization, compartment, external_key_id, "
        "key_version, x'aabb', 'active', created_at, {} FROM data_keys LIMIT 1",
        seal);
    auto error = tamper(sql);
    if (error.find("cannot store") != std::string::npos) continue;  // a STRICT table refuses other types
    ASSERT_EQ(error, "") << seal;
    auto got = read(
        [&](Transaction& tx) { return tx.find_active_data_key(workspace_.compartment, workspace_.external_key_id); });
    EXPECT_FALSE(got) << seal;
    EXPECT_EQ(take_alarms().size(), 1U) << seal;
  }
}

// A row that verifies in its own place does not verify in another's.
TEST_F(SealingTest, ASealIsOfOneRow) {
  given_all();
  auto second = api_key(kAcme, 2);
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(second); }));
  ASSERT_EQ(
      tamper("UPDATE api_keys SET seal = (SELECT seal FROM api_keys WHERE id = 'apikey_002') WHERE id = 'apikey_001'"),
      "");
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(api_key_.hash); }));
  EXPECT_TRUE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(second.hash); }));
}

// One tenant's bad row does not block the checks and deliveries of others.
TEST_F(SealingTest, TheServersOwnListsLeaveABadRowOut) {
  given_all();
  auto other_key = external_key(kAcme, 2);
  auto other_workspace = workspace(kAcme, 2);
  other_workspace.external_key_id = other_key.id;
  ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(other_key));
    return tx.insert(other_workspace);
  }));
  ASSERT_EQ(tamper("UPDATE external_keys SET provider_config = '{}' WHERE id = 'ekey_001'"), "");
  auto page_behind = [&](const std::string& after) {
    return read([&](Transaction& tx) { return tx.list_attached_external_keys(after, 1); });
  };
  auto first = page_behind("");
  ASSERT_TRUE(first);
  EXPECT_THAT(first.value().rows, IsEmpty());
  ASSERT_EQ(first.value().next, "ekey_001") << "the list goes on behind a bad row";
  auto second = page_behind("ekey_001");
  ASSERT_TRUE(second);
  ASSERT_EQ(second.value().rows.size(), 1U);
  EXPECT_EQ(second.value().rows.front().key, other_key);
  EXPECT_THAT(take_alarms(), ElementsAre("external_keys ekey_001"));
  ASSERT_EQ(tamper("UPDATE webhook_deliveries SET body = '{\"forged\": true}'"), "");
  auto due = read([](Transaction& tx) { return tx.due_webhook_deliveries(at(1000), 10); });
  ASSERT_TRUE(due);
  EXPECT_THAT(due.value(), IsEmpty());
}

// Changing a data key's row must not protect it from being destroyed.
TEST_F(SealingTest, WhatWasChangedIsDestroyedAllTheSame) {
  given_all();
  ASSERT_EQ(tamper("UPDATE data_keys SET key_version = 'x'"), "");
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.destroy_data_keys(workspace_.compartment, at(2000), 1000); }));
  EXPECT_EQ(query("SELECT state || length(wrapped) FROM data_keys"), "destroyed0");
}

TEST_F(SealingTest, ADatabaseIsOpenedUnderItsOwnRootKeyAlone) {
  given_all();
  store_.reset();
  auto other = open_sqlite_store(options(sealer_source(2)));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::Invalid);
  EXPECT_THAT(other.error().message(),
              HasSubstr("sealed under the root key local:0100000000000000, and the root key file "
                        "has local:0200000000000000. Restore"));
  EXPECT_TRUE(open_sqlite_store(options(sealer_source(1))));
}

TEST_F(SealingTest, TheSourceIsToldWhetherANewRootKeyIsRight) {
  given_all();
  store_.reset();
  StoreState seen;
  auto opened = open_sqlite_store(options([&](const StoreState& state) -> Result<std::shared_ptr<const RowSealer>> {
    seen = state;
    return Error{ErrorCode::Unavailable, "no file"};
  }));
  EXPECT_FALSE(opened);
  EXPECT_FALSE(seen.empty);
  EXPECT_EQ(seen.root_key, SealKeyId{1});
}

// A person seals a database from before rows were sealed, once; after that nothing is sealed unnoticed.
TEST_F(SealingTest, WhatWasThereBeforeIsSealedOnceByAPerson) {
  given_all();
  store_.reset();
  ASSERT_EQ(tamper("DELETE FROM root_key"), "");
  for (const auto& table : sealed_tables()) ASSERT_EQ(tamper(fmt::format("UPDATE {} SET seal = NULL", table)), "");
  auto refused_open = open_sqlite_store(options(sealer_source()));
  ASSERT_FALSE(refused_open);
  EXPECT_THAT(refused_open.error().message(), HasSubstr("latchkey root-key seal --config"));

  auto sealed = seal_sqlite_store(options(sealer_source()));
  ASSERT_TRUE(sealed) << sealed.error().message();
  EXPECT_EQ(sealed.value().sealed, 8);
  open();
  EXPECT_TRUE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(api_key_.hash); }).value());
  EXPECT_EQ(refused(), 0);

  store_.reset();
  ASSERT_EQ(tamper("UPDATE api_keys SET role = 'service', seal = NULL"), "");
  auto again = seal_sqlite_store(options(sealer_source()));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Conflict);
  open();
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(api_key_.hash); }));
}

TEST_F(SealingTest, AnotherRootKeySealsAllAnewAndLeavesWhatDoesNotVerify) {
  given_all();
  ASSERT_TRUE(write([&](Transaction& tx) { return tx.destroy_data_keys(workspace_.compartment, at(2000), 1000); }));
  ASSERT_EQ(tamper("UPDATE lease_policies SET soft_ms = 1"), "");
  RowSealer::Keys keys;
  keys.push_back({SealKeyId{2}, crypto::SecretBytes(Bytes(32, 2))});
  keys.push_back({SealKeyId{1}, crypto::SecretBytes(Bytes(32, 1))});
  auto both = std::make_shared<const RowSealer>(std::move(keys));
  {
    auto connection = SqliteConnection::open(path_, kBusyTimeout).value();
    auto reseal_all = [&] {
      SealProgress progress;
      while (!progress.done) progress = reseal(*connection, {*both, key_place_}, progress, 1).value();
      return progress.counts;
    };
    auto counts = reseal_all();
    EXPECT_EQ(counts.sealed, 7);
    EXPECT_EQ(counts.refused, 1);
    EXPECT_EQ(reseal_all().sealed, 0);
  }
  store_.reset();
  // The old key is no longer needed.
  store_ = open_sqlite_store(options(sealer_source(2))).value();
  EXPECT_TRUE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(api_key_.hash); }).value());
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_lease_policy(kAcme.id); }));
}

}  // namespace
}  // namespace latchkey::store
