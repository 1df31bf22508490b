// What somebody who can write the database file reaches: every test writes it past the store, as such a person does.
#include "store/sqlite/sealing.hpp"

#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "base/task.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "store/testing/sample_rows.hpp"
#include "store/testing/sealer.hpp"
#include "store/testing/temporary_folder.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::chrono::milliseconds kPatience{1000};

struct SealedTable {
  std::string_view name;
  std::string_view key;              // the column that the row is found by
  std::set<std::string> tells_only;  // columns by which nothing is decided
};

const std::vector<SealedTable>& sealed_tables() {
  static const std::vector<SealedTable> kTables{
      {"api_keys", "id", {}},
      {"external_keys", "id", {}},
      {"workspaces", "id", {}},
      {"data_keys", "id", {"last_used_at", "records", "bytes"}},
      {"lease_policies", "organization", {}},
      {"external_key_suspensions", "external_key_id", {}},
      {"webhook_endpoints", "id", {}},
      {"webhook_deliveries",
       "id",
       {"state", "attempts", "next_attempt_at", "last_attempt_at", "last_status", "last_error"}},
  };
  return kTables;
}

class SealingTest : public ::testing::Test {
 protected:
  SealingTest() { open(); }

  SqliteOptions options(SealerSource source) {
    return {.path = path_,
            .busy_timeout = kPatience,
            .sealer = std::move(source),
            .alarm = [this](const IntegrityAlarm& alarm) {
              std::lock_guard lock(mutex_);
              alarms_.push_back(fmt::format("{} {}", alarm.table, alarm.id));
            }};
  }
  void open() {
    store_.reset();
    store_ = open_sqlite_store(options(sealer_source())).value();
  }
  template <class Work>
  auto read(Work work) {
    return run_blocking(store_->read(std::move(work)));
  }
  template <class Work>
  auto write(Work work) {
    return run_blocking(store_->write(std::move(work)));
  }
  std::vector<std::string> take_alarms() {
    std::lock_guard lock(mutex_);
    return std::exchange(alarms_, {});
  }

  // One row of each table, whose optional columns have values.
  void given_all() {
    auto done = write([&](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(kAcme));
      LATCHKEY_TRYV(tx.insert(organization(2)));
      LATCHKEY_TRYV(tx.insert(key_));
      LATCHKEY_TRYV(tx.insert(workspace_));
      LATCHKEY_TRYV(tx.insert(api_key_));
      LATCHKEY_TRY(auto active, tx.insert_active_data_key(data_key_));
      LATCHKEY_TRYV(tx.put(LeasePolicy{kAcme.id, std::chrono::seconds(5), std::chrono::seconds(60)}));
      LATCHKEY_TRYV(tx.insert(suspension_));
      LATCHKEY_TRYV(tx.insert(endpoint_));
      return tx.insert(delivery_);
    });
    ASSERT_TRUE(done) << done.error().message;
  }

  // As somebody does whom neither triggers nor constraints hold back.
  std::string tamper(const std::string& sql) {
    RawSqlite raw(path_);
    std::string script = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    for (const auto* trigger :
         {"workspaces_external_key_is_write_once", "workspaces_compartment_is_fixed", "data_keys_stay_destroyed",
          "data_keys_stay_in_their_place", "data_keys_are_not_deleted"}) {
      script += fmt::format("DROP TRIGGER IF EXISTS {};", trigger);
    }
    return raw.execute(script + sql);
  }
  std::string query(const std::string& sql) { return RawSqlite(path_).query(sql); }

  // How many rows of all tables do not verify.
  std::int64_t refused() {
    auto connection = Connection::open(path_, kPatience).value();
    auto counts = check_rows(*connection, *sealer());
    EXPECT_TRUE(counts) << counts.error().message;
    return counts ? counts.value().refused : -1;
  }

  const Organization kAcme = organization(1);
  ExternalKey key_ = [] {
    auto row = external_key(organization(1), 1);
    row.display_name = "Key";
    row.provider_config = R"({"type":"azure","vault_uri":"https://Acme.vault.azure.net/","key_name":"Orders"})";
    return row;
  }();
  Workspace workspace_ = [] {
    auto row = workspace(organization(1), 1);
    row.external_key_id = "ekey_001";
    row.tags = {{"team", "blue"}};
    return row;
  }();
  ApiKey api_key_ = api_key(organization(1), 1);
  DataKey data_key_ = [this] {
    auto row = data_key(workspace_, 1);
    row.key_check = "0011223344556677";
    return row;
  }();
  ExternalKeySuspension suspension_{"ekey_001", organization(1).id, at(700), "apikey_001", "why"};
  WebhookEndpoint endpoint_{.id = "whep_1",
                            .organization = organization(1).id,
                            .url = "https://example.com/hook",
                            .description = "",
                            .events = {"external_key.failed"},
                            .enabled = true,
                            .disabled_reason = "",
                            .secret = {"local:1", Bytes(40, 1)},
                            .created_at = at(800),
                            .updated_at = at(800)};
  WebhookDelivery delivery_{.id = "whdl_1",
                            .organization = organization(1).id,
                            .endpoint_id = "whep_1",
                            .event_id = "evt_1",
                            .event_type = "external_key.failed",
                            .body = "{}",
                            .created_at = at(900),
                            .next_attempt_at = at(900)};

  TemporaryFolder folder_;
  std::string path_ = folder_.file("latchkey.db");
  std::mutex mutex_;
  std::vector<std::string> alarms_;
  std::unique_ptr<Store> store_;
};

// The values that a column can be changed to, as SQL.
std::vector<std::string> other_values(const std::string& type, const std::string& column, bool nullable) {
  std::vector<std::string> values;
  if (type == "INTEGER") values = {fmt::format("coalesce({}, 0) + 1", column)};
  if (type == "TEXT") values = {fmt::format("coalesce({}, '') || 'x'", column), "''"};
  if (type == "BLOB") values = {fmt::format("randomblob(max(length(coalesce({}, x'')), 1))", column)};
  if (nullable) values.emplace_back("NULL");
  return values;
}

TEST_F(SealingTest, WhatLatchkeyWritesVerifies) {
  given_all();
  EXPECT_EQ(refused(), 0);
}

// Each column of each table, whatever is added to them later: those that only tell something are named above.
TEST_F(SealingTest, EveryColumnThatDecidesIsNoticed) {
  given_all();
  int changes = 0;
  for (const auto& table : sealed_tables()) {
    int columns = std::stoi(query(fmt::format("SELECT count(*) FROM pragma_table_info('{}')", table.name)));
    for (int number = 0; number < columns; ++number) {
      auto of = [&](const char* what) {
        return query(fmt::format("SELECT {} FROM pragma_table_info('{}') WHERE cid = {}", what, table.name, number));
      };
      auto column = of("name");
      bool tells_only = table.tells_only.contains(column);
      for (const auto& value : other_values(of("type"), column, of("\"notnull\"") == "0")) {
        auto where = fmt::format("{}.{} = {}", table.name, column, value);
        bool changed = query(fmt::format("SELECT {0} IS NOT ({1}) FROM {2}", column, value, table.name)) == "1";
        if (!changed) continue;
        ASSERT_EQ(tamper(fmt::format("CREATE TEMP TABLE kept AS SELECT rowid AS row, * FROM {0};"
                                     "UPDATE {0} SET {1} = {2};"
                                     "CREATE TABLE kept AS SELECT row, {1} AS value FROM temp.kept;",
                                     table.name, column, value)),
                  "")
            << where;
        if (!tells_only) {
          EXPECT_EQ(refused(), 1) << where;
        }
        ASSERT_EQ(tamper(fmt::format("UPDATE {0} SET {1} = (SELECT value FROM main.kept WHERE row = {0}.rowid);"
                                     "DROP TABLE main.kept;",
                                     table.name, column)),
                  "")
            << where;
        ASSERT_EQ(refused(), 0) << where;
        ++changes;
      }
    }
  }
  EXPECT_GT(changes, 70);
}

TEST_F(SealingTest, NoDataComesByARowThatWasChanged) {
  given_all();
  struct Case {
    std::string sql;
    std::string alarm;
    std::function<Result<void>(Transaction&)> read;
  };
  auto plain = [](auto result) -> Result<void> {
    if (!result) return result.error();
    return success();
  };
  const auto other = "x'01000000000000000000000000000002'";
  const std::vector<Case> cases{
      {fmt::format("UPDATE api_keys SET organization = {}", other), "api_keys apikey_001",
       [&](Transaction& tx) { return plain(tx.find_api_key_by_hash(api_key_.hash)); }},
      {"DELETE FROM external_key_suspensions", "external_key_suspensions ekey_001",
       [&](Transaction& tx) { return plain(tx.find_suspension(kAcme.id, "ekey_001")); }},
      {"UPDATE external_keys SET provider_config = '{}'", "external_keys ekey_001",
       [&](Transaction& tx) { return plain(tx.find_external_key(kAcme.id, "ekey_001")); }},
      {"UPDATE workspaces SET external_key_id = NULL", "workspaces wrkspc_001",
       [&](Transaction& tx) { return plain(tx.find_workspace(kAcme.id, "wrkspc_001")); }},
      {"UPDATE data_keys SET wrapped = x'00'", "data_keys " + format_id(id_prefix::kDataKey, data_key_.id),
       [&](Transaction& tx) {
         return plain(tx.find_active_data_key(workspace_.compartment, workspace_.external_key_id));
       }},
      {"UPDATE data_keys SET key_check = NULL", "data_keys " + format_id(id_prefix::kDataKey, data_key_.id),
       [&](Transaction& tx) { return plain(tx.find_data_key(workspace_.compartment, data_key_.id)); }},
      {"UPDATE lease_policies SET soft_ms = 86400000, hard_ms = 86400000", "lease_policies " + format_uuid(kAcme.id),
       [&](Transaction& tx) { return plain(tx.find_lease_policy(kAcme.id)); }},
      {"UPDATE webhook_endpoints SET url = 'https://attacker.example/'", "webhook_endpoints whep_1",
       [&](Transaction& tx) { return plain(tx.find_webhook_endpoint(kAcme.id, "whep_1")); }},
  };
  for (const auto& one : cases) {
    ASSERT_EQ(tamper(one.sql), "");
    auto got = read(one.read);
    ASSERT_FALSE(got) << one.sql;
    EXPECT_THAT(got.error().message, HasSubstr("When a row does not verify")) << one.sql;
    EXPECT_THAT(take_alarms(), ElementsAre(one.alarm)) << one.sql;
  }
}

// By which a key is found that another organisation uses: who hides it would spare his own the demand for the tag.
TEST_F(SealingTest, AKeyThatWasHiddenFromOtherOrganizationsIsNoticed) {
  given_all();
  auto read_key = [&] { return read([&](Transaction& tx) { return tx.find_external_key(kAcme.id, "ekey_001"); }); };
  for (const char* place : {"NULL", "''", "key_place || '-2'"}) {
    auto kept = query("SELECT key_place FROM external_keys");
    EXPECT_EQ(kept, "https://acme.vault.azure.net orders");
    ASSERT_EQ(tamper(fmt::format("UPDATE external_keys SET key_place = {}", place)), "");
    EXPECT_FALSE(read_key()) << place;
    EXPECT_THAT(take_alarms(), ElementsAre("external_keys ekey_001")) << place;
    ASSERT_EQ(tamper(fmt::format("UPDATE external_keys SET key_place = '{}'", kept)), "");
    EXPECT_TRUE(read_key()) << place;
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
  // The key that the attacker knows opens the victim's organisation.
  Bytes known(32, 0xee);
  exchange("evil_keys", "hash", fmt::format("x'{}'", hex_encode(known)), "api_keys WHERE id = 'apikey_001'",
           "sqlite_autoindex_api_keys_2");
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(known); }));
  EXPECT_THAT(take_alarms(), ElementsAre("api_keys apikey_001"));
  // Another tenant's data key is the active one.
  exchange("evil_data_keys", "compartment, external_key",
           fmt::format("x'{}', 'ekey_001'", hex_encode(organization(2).id.data)), "data_keys", "data_keys_one_active");
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_active_data_key(organization(2).id, "ekey_001"); }));
  auto alarmed = ElementsAre("data_keys " + format_id(id_prefix::kDataKey, data_key_.id));
  EXPECT_THAT(take_alarms(), alarmed);
  // Nor is it destroyed with the attacker's workspace.
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
    // The attacker's own data key, in the place of the one that is active.
    auto sql = fmt::format(
        "UPDATE data_keys SET state = 'retired' WHERE state = 'active';"
        "INSERT INTO data_keys (id, organization, compartment, external_key_id, key_version, wrapped, "
        "state, created_at, seal) SELECT randomblob(16), organization, compartment, external_key_id, "
        "key_version, x'aabb', 'active', created_at, {} FROM data_keys LIMIT 1",
        seal);
    auto error = tamper(sql);
    if (error.find("cannot store") != std::string::npos) continue;  // a STRICT table takes no other type
    ASSERT_EQ(error, "") << seal;
    auto got = read(
        [&](Transaction& tx) { return tx.find_active_data_key(workspace_.compartment, workspace_.external_key_id); });
    EXPECT_FALSE(got) << seal;
    EXPECT_EQ(take_alarms().size(), 1U) << seal;
  }
}

// A row that verifies in its place does not verify in another's.
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

// One tenant's bad row holds up no other's checks and deliveries.
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

// Whoever changed a data key's row must not be able to keep it from being destroyed.
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
  EXPECT_THAT(other.error().message,
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

// A database from before rows were sealed is sealed by a person, once; after that nothing is sealed unseen.
TEST_F(SealingTest, WhatWasThereBeforeIsSealedOnceByAPerson) {
  given_all();
  store_.reset();
  std::string unseal = "DELETE FROM root_key;";
  for (const auto& table : sealed_tables()) unseal += fmt::format("UPDATE {} SET seal = NULL;", table.name);
  ASSERT_EQ(tamper(unseal), "");
  auto refused_open = open_sqlite_store(options(sealer_source()));
  ASSERT_FALSE(refused_open);
  EXPECT_THAT(refused_open.error().message, HasSubstr("latchkey root-key seal --config"));

  auto sealed = seal_sqlite_store(options(sealer_source()));
  ASSERT_TRUE(sealed) << sealed.error().message;
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
    auto connection = Connection::open(path_, kPatience).value();
    auto reseal_all = [&] {
      SealProgress progress;
      while (!progress.done) progress = reseal(*connection, *both, progress, 1).value();
      return progress.counts;
    };
    auto counts = reseal_all();
    EXPECT_EQ(counts.sealed, 7);
    EXPECT_EQ(counts.refused, 1);
    EXPECT_EQ(reseal_all().sealed, 0);
  }
  store_.reset();
  // The old one has served its time.
  store_ = open_sqlite_store(options(sealer_source(2))).value();
  EXPECT_TRUE(read([&](Transaction& tx) { return tx.find_api_key_by_hash(api_key_.hash); }).value());
  EXPECT_FALSE(read([&](Transaction& tx) { return tx.find_lease_policy(kAcme.id); }));
}

}  // namespace
}  // namespace latchkey::store
