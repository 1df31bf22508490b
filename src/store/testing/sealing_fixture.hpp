// A database with one row in each sealed table, and an intruder who can write its file past the store.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/algorithm/string/split.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/mutex.hpp"
#include "base/task.hpp"
#include "store/sql/sealing.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/key_place.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store::testing {

class SealingTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kBusyTimeout{1000};

  SealingTest() { open(); }

  SqliteOptions options(SealerSource source) {
    return {.path = path_,
            .busy_timeout = kBusyTimeout,
            .sealer = std::move(source),
            .key_place = key_place_,
            .alarm = [this](const IntegrityAlarm& alarm) {
              MutexLock lock(mutex_);
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
    MutexLock lock(mutex_);
    return std::exchange(alarms_, {});
  }

  // Inserts one row into each table, with values in all optional columns.
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
    ASSERT_TRUE(done) << done.error().message();
  }

  // Inserts one more into each table, for the same organisation where it can have two.
  void given_others() {
    auto done = write([&](Transaction& tx) -> Result<void> {
      auto key = external_key(kAcme, 2);
      LATCHKEY_TRYV(tx.insert(key));
      auto other = workspace(kAcme, 2);
      LATCHKEY_TRYV(tx.insert(other));
      LATCHKEY_TRYV(tx.insert(api_key(kAcme, 2)));
      LATCHKEY_TRY(auto active, tx.insert_active_data_key(data_key(other, 2)));
      LATCHKEY_TRYV(tx.put(LeasePolicy{organization(2).id, std::chrono::seconds(5), std::chrono::seconds(60)}));
      auto suspension = suspension_;
      suspension.external_key_id = key.id;
      LATCHKEY_TRYV(tx.insert(suspension));
      auto endpoint = endpoint_;
      endpoint.id = "whep_2";
      LATCHKEY_TRYV(tx.insert(endpoint));
      auto delivery = delivery_;
      delivery.id = "whdl_2";
      return tx.insert(delivery);
    });
    ASSERT_TRUE(done) << done.error().message();
  }

  // Runs `sql` as an intruder would, without triggers and constraints.
  std::string tamper(const std::string& sql) {
    RawSqlite raw(path_);
    std::string script = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;";
    for (const auto* trigger :
         {"workspaces_external_key_is_write_once", "workspaces_compartment_is_fixed", "data_keys_stay_destroyed",
          "data_keys_stay_in_their_place", "data_keys_are_not_deleted"}) {
      script += fmt::format("DROP TRIGGER IF EXISTS {};", trigger);
    }
    return raw.execute(script + sql);
  }
  std::string query(const std::string& sql) { return RawSqlite(path_).query(sql); }
  std::vector<std::string> query_list(const std::string& sql) {
    auto joined = query(fmt::format("SELECT group_concat(value, char(10)) FROM ({})", sql));
    std::vector<std::string> values;
    boost::split(values, joined, [](char c) { return c == '\n'; });
    return values;
  }
  // The tables with a column for a seal; the root key's mark, which has one too, is checked when a database is opened.
  std::vector<std::string> sealed_tables() {
    return query_list(
        "SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name <> 'root_key' AND EXISTS (SELECT 1 FROM "
        "pragma_table_info(sqlite_master.name) AS info WHERE info.name = 'seal')");
  }

  // The number of rows of all tables that do not verify.
  std::int64_t refused() {
    auto connection = SqliteConnection::open(path_, kBusyTimeout).value();
    auto counts = check_rows(*connection, {*sealer(), key_place_});
    EXPECT_TRUE(counts) << counts.error().message();
    return counts ? counts.value().refused : -1;
  }

  const Organization kAcme = organization(1);
  const KeyPlaceOf key_place_ = place_of_config;
  ExternalKey key_ = [] {
    auto row = external_key(organization(1), 1);
    row.display_name = "Key";
    row.provider_config = config_at("Acme/Orders");
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
  Mutex mutex_;
  std::vector<std::string> alarms_ LATCHKEY_GUARDED_BY(mutex_);
  std::unique_ptr<Store> store_;
};

}  // namespace latchkey::store::testing
