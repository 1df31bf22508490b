// Destroyed bytes are in no file, and the search covers every place where they could be.
#include "store/sqlite/purge.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/sqlite/migrations.hpp"
#include "store/testing/purge_fixture.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;

using PurgeTest = PurgeFixture;

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
  note_what_stays(wrapped_[0].front());
  for (int i = 0; i < 2; ++i) {
    auto done = run_blocking(store_->purge());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::Internal);
  }
}

TEST_F(PurgeTest, WhatStaysFailsItsOwnCompartmentAlone) {
  open();
  given_keys(3, 2);
  note_what_stays(wrapped_[1].front());
  auto erased = destroy(2);
  auto purge = [&](std::uint8_t number) { return run_blocking(store_->purge(workspace(kAcme, number).compartment)); };
  EXPECT_TRUE(purge(2));
  EXPECT_EQ(found(erased), 0U);
  EXPECT_TRUE(purge(2)) << "again";
  auto own = purge(0);
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, ErrorCode::Internal);
  auto all = run_blocking(store_->purge());
  ASSERT_FALSE(all);
  EXPECT_EQ(all.error().code, ErrorCode::Internal);
}

TEST_F(PurgeTest, WithNothingDestroyedThereIsNothingToWaitFor) {
  open();
  given_keys(2, 2);
  rewrap_all(2);
  RawSqlite reader(path_);
  ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
  EXPECT_TRUE(run_blocking(store_->purge())) << "the reader is in the way of a search";
  EXPECT_EQ(count_notes(), "4");
}

TEST_F(PurgeTest, WhatARewrapReplacedIsSearchedForAsWell) {
  open();
  given_keys(2, 2);
  auto before = wrapped_[1];
  rewrap_all(2);
  plant(before);
  ASSERT_EQ(found(before), before.size());
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(before), 0U);
  EXPECT_EQ(count_notes(), "0");
}

TEST_F(PurgeTest, OneDataKeyHasSoManyNotesAndNoMore) {
  external_key_id_ = "ekey_001";
  open();
  given_keys(2, 1);
  for (int i = 0; i < 16; ++i) rewrap_all(2);
  auto rewrap = [&](Transaction& tx) -> Result<bool> {
    LATCHKEY_TRY(auto row, tx.find_data_key(workspace(kAcme, 1).compartment, RawId{1, 0}));
    return tx.rewrap_data_key(*row, "one more", random_bytes(kWrappedSize), at(1000));
  };
  auto refused = write(rewrap);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_TRUE(refused.error().retry_after);
  EXPECT_EQ(count_notes(), "32");
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_TRUE(write(rewrap).value());
  EXPECT_EQ(count_notes(), "1");
}

TEST_F(PurgeTest, TheRootKeyIsRotatedHoweverManyNotesThereAre) {
  open();
  given_keys(1, 1);
  // rewrap_all expects each to be done.
  for (int i = 0; i < 20; ++i) rewrap_all(1);
  EXPECT_EQ(count_notes(), "20");
}

// The state after the process ended between the transaction and the search, or after the first search failed.
TEST_F(PurgeTest, WhatWasNotSearchedForIsSearchedForByTheNextProcess) {
  open();
  given_keys(2, 2);
  rewrap_all(2);
  // The forms from before the rewrap count, too: an old key version unwraps them.
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
  EXPECT_EQ(count_notes(), "0");
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
  auto connection = SqliteConnection::open(path_, std::chrono::milliseconds(20)).value();
  ASSERT_TRUE(connection->execute("CREATE TABLE t (a)"));
  std::vector<NotedForm> wanted;
  for (int i = 0; i < 24; ++i) {
    auto bytes = random_bytes(std::size_t{1} << 18);
    std::string hex;
    for (auto byte : bytes) hex += fmt::format("{:02x}", byte);
    ASSERT_TRUE(connection->execute("INSERT INTO t VALUES (x'" + hex + "')"));
    wanted.push_back({i, false, std::move(bytes)});
  }
  ASSERT_TRUE(connection->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  EXPECT_EQ(find_in_file(*connection, wanted).value(), wanted);
  for (const auto& form : wanted) EXPECT_EQ(find_in_file(*connection, {&form, 1}).value().size(), 1U);
  NotedForm never{99, true, random_bytes(64)};
  EXPECT_TRUE(find_in_file(*connection, {&never, 1}).value().empty());
}

TEST_F(PurgeTest, AnOlderDatabaseKeepsItsDataKeys) {
  auto row = data_key(workspace(kAcme, 1), 1);
  {
    std::ofstream(path_, std::ios::binary).close();
    auto connection = SqliteConnection::open(path_, std::chrono::milliseconds(20)).value();
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

TEST_F(PurgeTest, AFrozenFileStaysAsItIs) {
  open();
  given_keys(1, 1);
  store_.reset();
  auto writer = SqliteConnection::open(path_, std::chrono::milliseconds(20)).value();
  auto searcher = SqliteConnection::open(path_, std::chrono::milliseconds(20)).value();
  auto content = [&] { return searcher->read_file(0, std::size_t{1} << 30).value(); };
  {
    RawSqlite reader(path_);
    ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
    ASSERT_TRUE(writer->execute("CREATE TABLE t (a)"));
    EXPECT_FALSE(freeze_file(*writer, *searcher).value());
    EXPECT_FALSE(searcher->in_transaction());
  }
  ASSERT_TRUE(freeze_file(*writer, *searcher).value());
  auto before = content();
  // More than SQLite keeps in the -wal before a commit copies it.
  ASSERT_TRUE(writer->execute("INSERT INTO t VALUES (zeroblob(8000000)); PRAGMA wal_checkpoint(PASSIVE)"));
  EXPECT_TRUE(content() == before);
  ASSERT_TRUE(searcher->execute("COMMIT"));
  ASSERT_TRUE(writer->execute("PRAGMA wal_checkpoint(PASSIVE)"));
  EXPECT_FALSE(content() == before);
}

// Two servers use one file: a note that one adds during the other's search stays for the next search, whatever its id.
TEST_F(PurgeTest, OnlyWhatWasSearchedForIsForgotten) {
  open();
  store_.reset();
  auto connection = SqliteConnection::open(path_, std::chrono::milliseconds(1000)).value();
  RawSqlite other(path_);
  auto note = [&](int id, int pending, std::string_view form) {
    ASSERT_EQ(
        other.execute(fmt::format("INSERT INTO erased_forms VALUES ({}, zeroblob(16), x'{}', {})", id, form, pending)),
        "");
  };
  note(1, 0, "01");
  note(2, 1, "02");
  auto searched = noted_forms(*connection);
  ASSERT_TRUE(searched);
  std::vector<std::pair<std::int64_t, bool>> ids;
  for (const auto& form : searched.value()) ids.emplace_back(form.id, form.destroyed);
  EXPECT_EQ(ids, (std::vector<std::pair<std::int64_t, bool>>{{1, false}, {2, true}}));
  // Its own search ended meanwhile, and SQLite reuses the greatest id.
  ASSERT_EQ(other.execute("DELETE FROM erased_forms WHERE id = 2"), "");
  note(2, 1, "03");
  note(3, 0, "04");
  ASSERT_TRUE(forget_forms(*connection, searched.value()));
  EXPECT_EQ(other.query("SELECT group_concat(id || ':' || hex(masked)) FROM erased_forms"), "2:03,3:04");
}

}  // namespace
}  // namespace latchkey::store
