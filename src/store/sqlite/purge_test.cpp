// That destroyed bytes are in no file, and that it is looked for where they could be.
#include "store/sqlite/purge.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/sqlite/migrations.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "store/testing/sample_rows.hpp"
#include "store/testing/sealer.hpp"
#include "store/testing/temporary_folder.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;

constexpr std::size_t kWrappedSize = 384;
const Organization kAcme = organization(1);

class PurgeTest : public ::testing::Test {
 protected:
  void open() {
    store_.reset();
    store_ = open_sqlite_store({.path = path_,
                                .busy_timeout = std::chrono::milliseconds(20),
                                .sealer = testing::sealer_source(),
                                .alarm = {}})
                 .value();
  }
  template <class Work>
  auto write(Work work) {
    return run_blocking(store_->write(std::move(work)));
  }
  Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    std::ranges::generate(bytes, [&] { return static_cast<std::uint8_t>(random_()); });
    return bytes;
  }

  // How many of the last 32 bytes of `wanted` are in any of the store's files.
  std::size_t found(const std::vector<Bytes>& wanted) {
    std::size_t count = 0;
    for (const auto* ending : {"", "-wal"}) {
      std::ifstream file(path_ + ending, std::ios::binary);
      std::string content{std::istreambuf_iterator<char>(file), {}};
      for (const auto& bytes : wanted) count += content.find(as_text(ByteView(bytes).last(32))) != std::string::npos;
    }
    return count;
  }

  // As another program, or an older one, leaves it: deleted, and not overwritten.
  void plant(const std::vector<Bytes>& forms) {
    store_.reset();
    RawSqlite raw(path_);
    ASSERT_EQ(raw.execute("PRAGMA secure_delete = OFF; CREATE TABLE t (a)"), "");
    for (const auto& form : forms) {
      std::string hex;
      for (auto byte : form) hex += fmt::format("{:02x}", byte);
      ASSERT_EQ(raw.execute("INSERT INTO t VALUES (x'" + hex + "')"), "");
    }
    ASSERT_EQ(raw.execute("DROP TABLE t"), "");
    open();
  }
  // Workspaces with a data key each, replaced `rounds` times; gives every wrapped key of the workspace `number`.
  void given_keys(std::uint8_t workspaces, std::uint8_t rounds) {
    ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(kAcme); }));
    for (std::uint8_t number = 0; number < workspaces; ++number) {
      ASSERT_TRUE(write([&](Transaction& tx) { return tx.insert(workspace(kAcme, number)); }));
    }
    for (std::uint8_t round = 0; round < rounds; ++round) {
      for (std::uint8_t number = 0; number < workspaces; ++number) {
        auto row = data_key(workspace(kAcme, number), round);
        row.id = RawId{number, round};
        row.wrapped = random_bytes(kWrappedSize);
        wrapped_[number].push_back(row.wrapped);
        ASSERT_TRUE(write([&](Transaction& tx) -> Result<void> {
          if (round == 0) {
            LATCHKEY_TRYV(tx.insert_active_data_key(row));
          } else {
            LATCHKEY_TRYV(tx.replace_active_data_key(RawId{number, static_cast<std::uint8_t>(round - 1)}, row));
          }
          return success();
        }));
      }
    }
  }
  // Each under a version of another length, so that rows move about.
  void rewrap_all(std::uint8_t workspaces) {
    for (std::uint8_t number = 0; number < workspaces; ++number) {
      ListWindow window;
      window.limit = 1000;
      auto list = [&](Transaction& tx) { return tx.list_data_keys(workspace(kAcme, number).compartment, window); };
      auto rows = run_blocking(store_->read(list)).value().rows;
      for (const auto& row : rows) {
        auto wrapped = random_bytes(kWrappedSize);
        wrapped_[number].push_back(wrapped);
        std::string version(1 + random_() % 200, 'v');
        ASSERT_TRUE(write([&](Transaction& tx) { return tx.rewrap_data_key(row, version, wrapped, at(1000)); }));
      }
    }
  }
  std::vector<Bytes> destroy(std::uint8_t number) {
    std::vector<Bytes> erased;
    auto rows = write(
        [&](Transaction& tx) { return tx.destroy_data_keys(workspace(kAcme, number).compartment, at(2000), 1000); });
    for (auto& row : rows.value()) erased.push_back(std::move(row.wrapped));
    return erased;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("latchkey.db");
  std::unique_ptr<Store> store_;
  // The same each time, but with --gtest_shuffle.
  std::mt19937 random_{static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed())};
  std::map<std::uint8_t, std::vector<Bytes>> wrapped_;
};

TEST_F(PurgeTest, LeavesNothingOfWhatWasDestroyed) {
  constexpr std::uint8_t kWorkspaces = 20;
  open();
  given_keys(kWorkspaces, 10);
  auto erased = destroy(3);
  ASSERT_EQ(erased, wrapped_[3]);
  EXPECT_GT(found(erased), 0U) << "the -wal should still have them: is this test able to fail?";
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(erased), 0U);
  EXPECT_EQ(found(wrapped_[4]), 10U);
  store_.reset();
  EXPECT_EQ(found(erased), 0U);
}

TEST_F(PurgeTest, LeavesNothingOfWhatMovedAbout) {
  constexpr std::uint8_t kWorkspaces = 20;
  open();
  given_keys(kWorkspaces, 10);
  rewrap_all(kWorkspaces);
  for (std::uint8_t number = 0; number < kWorkspaces; number += 2) {
    auto erased = destroy(number);
    ASSERT_TRUE(run_blocking(store_->purge()));
    EXPECT_EQ(found(erased), 0U) << int{number};
  }
}

TEST_F(PurgeTest, WritesTheFileAnewWhereACopyWasLeft) {
  open();
  given_keys(2, 2);
  auto erased = destroy(1);
  plant({erased.front()});
  ASSERT_EQ(found(erased), 1U);
  open();
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(erased), 0U);
  auto row = run_blocking(store_->read([](Transaction& tx) {
    return tx.find_data_key(workspace(kAcme, 0).compartment, RawId{0, 1});
  }));
  ASSERT_TRUE(row.value());
  EXPECT_EQ(row.value()->wrapped, wrapped_[0].back());
}

TEST_F(PurgeTest, SaysWhereItStillIs) {
  open();
  given_keys(2, 2);
  // What is live is there, whatever is done about it.
  std::string hex;
  for (auto byte : mask_erased(wrapped_[0].front())) hex += fmt::format("{:02x}", byte);
  ASSERT_EQ(RawSqlite(path_).execute("INSERT INTO erased_forms (data_key, masked, pending) VALUES (zeroblob(16), x'" +
                                     hex + "', 1)"),
            "");
  for (int i = 0; i < 2; ++i) {
    auto done = run_blocking(store_->purge());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Internal);
  }
}

TEST_F(PurgeTest, WithNothingDestroyedThereIsNothingToDo) {
  open();
  given_keys(2, 2);
  rewrap_all(2);
  RawSqlite reader(path_);
  ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
  EXPECT_TRUE(run_blocking(store_->purge())) << "the reader would be in the way of a search";
}

// As it was where the process ended between the transaction and the search, or the first search failed.
TEST_F(PurgeTest, WhatWasNotSearchedForIsSearchedForByTheNextProcess) {
  open();
  given_keys(2, 2);
  rewrap_all(2);
  // The forms from before the rewrap as well: an old key version opens them.
  auto before = wrapped_[1];
  plant(before);
  auto erased = destroy(1);
  {
    RawSqlite reader(path_);
    ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
    EXPECT_FALSE(run_blocking(store_->purge()));
    ASSERT_EQ(reader.execute("COMMIT"), "");
  }
  open();
  EXPECT_EQ(found(before), before.size());
  ASSERT_TRUE(destroy(1).empty());
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(before), 0U);
  EXPECT_EQ(
      RawSqlite(path_).query("SELECT count(*) FROM erased_forms WHERE data_key = x'01000000000000000000000000000000'"),
      "0");
  // The other workspace's are kept for its own end.
  EXPECT_EQ(RawSqlite(path_).query("SELECT count(*) FROM erased_forms"), "2");
}

TEST_F(PurgeTest, AReaderKeepsItFromBeingDone) {
  open();
  given_keys(1, 1);
  RawSqlite reader(path_);
  ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
  auto erased = destroy(0);
  auto kept = run_blocking(store_->purge());
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, ErrorCode::Unavailable);
  EXPECT_TRUE(kept.error().retry_after);
  ASSERT_EQ(reader.execute("COMMIT"), "");
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(erased), 0U);
}

TEST_F(PurgeTest, FindsWhatLiesAcrossTwoReads) {
  open();
  auto connection = Connection::open(path_, std::chrono::milliseconds(20)).value();
  ASSERT_TRUE(connection->execute("CREATE TABLE t (a)"));
  std::vector<Bytes> wanted;
  for (int i = 0; i < 24; ++i) {
    auto bytes = random_bytes(std::size_t{1} << 18);
    std::string hex;
    for (auto byte : bytes) hex += fmt::format("{:02x}", byte);
    ASSERT_TRUE(connection->execute("INSERT INTO t VALUES (x'" + hex + "')"));
    wanted.push_back(std::move(bytes));
  }
  ASSERT_TRUE(connection->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  for (const auto& bytes : wanted) EXPECT_TRUE(file_contains(*connection, {&bytes, 1}).value());
  auto never = random_bytes(64);
  EXPECT_FALSE(file_contains(*connection, {&never, 1}).value());
}

TEST_F(PurgeTest, AnOlderDatabaseKeepsItsDataKeys) {
  auto row = data_key(workspace(kAcme, 1), 1);
  {
    std::ofstream(path_, std::ios::binary).close();
    auto connection = Connection::open(path_, std::chrono::milliseconds(20)).value();
    ASSERT_TRUE(migrate(*connection, migrations().first(1)));
    ASSERT_TRUE(connection->execute(
        "INSERT INTO organizations VALUES (x'01000000000000000000000000000001', 'Acme', 1);"
        "INSERT INTO workspaces VALUES ('wrkspc_001', x'01000000000000000000000000000001',"
        "  x'02000000000000000000000000000001', 'W', '#000000', 0, NULL, 'us', '\"unrestricted\"', 'global', '{}', 1,"
        "  NULL);"
        "INSERT INTO data_keys VALUES (x'03010000000000000000000000000000', x'01000000000000000000000000000001',"
        "  x'02000000000000000000000000000001', NULL, 'version 1', x'00ff01', 'active', 501);"));
  }
  ASSERT_TRUE(seal_sqlite_store({.path = path_, .sealer = testing::sealer_source(), .alarm = {}}));
  open();
  auto found_row =
      run_blocking(store_->read([&](Transaction& tx) { return tx.find_data_key(row.compartment, row.id); }));
  EXPECT_EQ(found_row.value(), row);
}

// Two servers on one file: what the other notes during a search, in an older note too, is searched for by the next.
TEST_F(PurgeTest, OnlyWhatWasSearchedForIsForgotten) {
  open();
  store_.reset();
  auto connection = Connection::open(path_, std::chrono::milliseconds(1000)).value();
  RawSqlite other(path_);
  auto note = [&](int id, int pending) {
    ASSERT_EQ(
        other.execute(fmt::format("INSERT INTO erased_forms VALUES ({}, zeroblob(16), zeroblob(32), {})", id, pending)),
        "");
  };
  note(1, 0);
  note(2, 1);
  auto searched = pending_forms(*connection);
  ASSERT_TRUE(searched);
  EXPECT_EQ(searched.value().ids, std::vector<std::int64_t>{2});
  ASSERT_EQ(other.execute("UPDATE erased_forms SET pending = 1 WHERE id = 1"), "");
  ASSERT_TRUE(forget_forms(*connection, searched.value()));
  EXPECT_EQ(other.query("SELECT group_concat(id || ':' || pending) FROM erased_forms"), "1:1");
}

}  // namespace
}  // namespace latchkey::store
