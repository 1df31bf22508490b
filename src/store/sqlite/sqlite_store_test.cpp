// SQLite's own part: the file, its schema, its locks, and the errors when it cannot be used.
#include "store/sqlite/sqlite_store.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <sys/stat.h>

#include <gmock/gmock.h>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/matchers.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {

namespace {

using namespace store::testing;
using latchkey::testing::IsError;
using latchkey::testing::IsErrorThatSays;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_content(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto opened = open_sqlite_store(
        {.path = path_, .busy_timeout = milliseconds(20), .sealer = testing::sealer_source(), .alarm = {}});
    EXPECT_TRUE(opened) << opened.error().message();
    return opened ? std::move(opened.value()) : nullptr;
  }
  Error refusal() {
    auto opened = open_sqlite_store(
        {.path = path_, .busy_timeout = milliseconds(20), .sealer = testing::sealer_source(), .alarm = {}});
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  Result<void> insert(Store& store, const Organization& row) {
    return run_blocking(store.write([&](Transaction& tx) { return tx.insert(row); }));
  }
  Result<std::vector<Organization>> list(Store& store) {
    return run_blocking(store.read([](Transaction& tx) { return tx.list_organizations(); }));
  }
  std::unique_ptr<SqliteConnection> connect() {
    auto opened = SqliteConnection::open(path_, milliseconds(20));
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(opened.value());
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("latchkey.db");
};

}  // namespace

TEST_F(SqliteStoreTest, TheFilesAreTheOwnersAlone) {
  auto before = ::umask(0);
  auto store = open();
  ASSERT_TRUE(insert(*store, kAcme));
  ::umask(before);
  EXPECT_EQ(mode_of(path_), 0600U);
  EXPECT_EQ(mode_of(path_ + "-wal"), 0600U);
  EXPECT_EQ(mode_of(path_ + "-shm"), 0600U);
}

TEST_F(SqliteStoreTest, AFileThatOthersMayReadIsMadePrivate) {
  write_content(path_, "");
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  auto store = open();
  EXPECT_EQ(mode_of(path_), 0600U);
}

TEST_F(SqliteStoreTest, TheHeaderSaysWhoseFileItIs) {
  open();
  RawSqlite raw(path_);
  EXPECT_EQ(raw.query("PRAGMA application_id"), std::to_string(0x4C4B6579));
  EXPECT_EQ(raw.query("PRAGMA user_version"), std::to_string(migrations().size()));
  EXPECT_EQ(raw.query("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(raw.query("PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteStoreTest, KeepsItsDataAcrossRestarts) {
  ASSERT_TRUE(insert(*open(), kAcme));
  auto store = open();
  EXPECT_THAT(list(*store).value(), ElementsAre(kAcme));
}

TEST_F(SqliteStoreTest, OpensAtOnceFromTwoThreads) {
  auto open_patiently = [this] {
    return open_sqlite_store({.path = path_, .sealer = testing::sealer_source(), .alarm = {}});
  };
  auto other = std::async(std::launch::async, open_patiently);
  auto mine = open_patiently();
  auto theirs = other.get();
  ASSERT_TRUE(mine) << mine.error().message();
  ASSERT_TRUE(theirs) << theirs.error().message();
  ASSERT_TRUE(insert(*mine.value(), kAcme));
  EXPECT_THAT(list(*theirs.value()).value(), ElementsAre(kAcme));
}

TEST_F(SqliteStoreTest, TwoProcessesAgreeOnOneActiveDataKey) {
  auto first = open();
  auto second = open();
  auto home = workspace(kAcme, 1);
  ASSERT_TRUE(insert(*first, kAcme));
  ASSERT_TRUE(run_blocking(first->write([&](Transaction& tx) { return tx.insert(home); })));
  auto insert_key = [&](Store& store, std::uint8_t number) {
    return run_blocking(
        store.write([&](Transaction& tx) { return tx.insert_active_data_key(data_key(home, number)); }));
  };
  EXPECT_EQ(insert_key(*first, 1).value(), data_key(home, 1));
  EXPECT_EQ(insert_key(*second, 2).value(), data_key(home, 1));
}

TEST_F(SqliteStoreTest, RefusesPathsThatAreNoFile) {
  struct Case {
    std::string path;
    std::string says;
  };
  const Case cases[] = {
      {"", "Name a file"},
      {std::string("a\0b", 3), "Name a file"},
      {folder_.file(""), "directory"},
      {folder_.file("."), "not a file"},
      {folder_.file("missing/latchkey.db"), "its folder exists"},
      {folder_.file(std::string(300, 'x')), "too long"},
  };
  for (const auto& c : cases) {
    path_ = c.path;
    auto error = refusal();
    EXPECT_EQ(error.code, ErrorCode::Unavailable) << c.path;
    EXPECT_THAT(error.message(), HasSubstr(c.says)) << c.path;
  }
}

TEST_F(SqliteStoreTest, TakesNamesThatSqliteUnderstandsOtherwiseForFiles) {
  path_ = folder_.file("file:latchkey.db?mode=memory");
  ASSERT_TRUE(insert(*open(), kAcme));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(SqliteStoreTest, LeavesTheFilesOfOthersAsTheyAre) {
  const std::string schemas[] = {
      "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);",
      "PRAGMA application_id = 252006673; CREATE TABLE theirs (x);",
      "PRAGMA user_version = 1; CREATE TABLE organizations (x);",
      "PRAGMA user_version = 3; VACUUM;",
      "PRAGMA application_id = 0x4C4B6579; PRAGMA user_version = -1; VACUUM;",
  };
  for (const auto& schema : schemas) {
    std::filesystem::remove(path_);
    ASSERT_EQ(RawSqlite(path_).execute(schema), "");
    auto before = content_of(path_);
    auto error = refusal();
    EXPECT_EQ(error.code, ErrorCode::Internal) << schema;
    EXPECT_THAT(error.message(), AllOf(HasSubstr(path_), HasSubstr("another program"))) << schema;
    EXPECT_EQ(content_of(path_), before) << schema;
  }
}

TEST_F(SqliteStoreTest, RefusesWhatIsNoDatabase) {
  for (const auto& content : {std::string("hello"), std::string(5000, 'x'), std::string(4096, '\0') + "x"}) {
    write_content(path_, content);
    auto error = refusal();
    EXPECT_EQ(error.code, ErrorCode::Internal);
    EXPECT_THAT(error.message(), AllOf(HasSubstr(path_), HasSubstr("not an SQLite database")));
    EXPECT_EQ(content_of(path_), content);
  }
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  open();
  ASSERT_EQ(RawSqlite(path_).execute("PRAGMA user_version = 99"), "");
  auto error = refusal();
  EXPECT_EQ(error.code, ErrorCode::Internal);
  EXPECT_THAT(error.message(), AllOf(HasSubstr(path_), HasSubstr("version 99"), HasSubstr("newer Latchkey")));
}

TEST_F(SqliteStoreTest, StopsWhenANewerLatchkeyTakesTheFileOver) {
  auto store = open();
  ASSERT_TRUE(insert(*store, kAcme));
  ASSERT_EQ(RawSqlite(path_).execute("PRAGMA user_version = 99"), "");
  EXPECT_THAT(insert(*store, organization(2)), IsError(ErrorCode::Internal));
  EXPECT_THAT(list(*store), IsErrorThatSays(HasSubstr("newer Latchkey")));
  ASSERT_EQ(RawSqlite(path_).execute(fmt::format("PRAGMA user_version = {}", migrations().size())), "");
  EXPECT_THAT(list(*store).value(), ElementsAre(kAcme));
}

TEST_F(SqliteStoreTest, MigratesStepByStep) {
  write_content(path_, "");
  const Migration steps[] = {{"one", "CREATE TABLE t (a); INSERT INTO t VALUES (1);"},
                             {"two", "ALTER TABLE t ADD COLUMN b; UPDATE t SET b = a + 1;"},
                             {"three", "INSERT INTO t SELECT a + 10, b + 10 FROM t;"}};
  auto connection = connect();
  ASSERT_TRUE(migrate(*connection, std::span(steps, 1)));
  EXPECT_EQ(connection->query_integer("PRAGMA user_version").value(), 1);
  ASSERT_TRUE(migrate(*connection, steps));
  ASSERT_TRUE(migrate(*connection, steps));
  EXPECT_EQ(connection->query_integer("PRAGMA user_version").value(), 3);
  EXPECT_EQ(connection->query_integer("SELECT sum(b) FROM t").value(), 14);
  EXPECT_THAT(check_identity(*connection, std::span(steps, 2)), IsError(ErrorCode::Internal));
}

TEST_F(SqliteStoreTest, AFailedMigrationChangesNothing) {
  write_content(path_, "");
  const Migration steps[] = {{"one", "CREATE TABLE t (a);"},
                             {"two", "CREATE TABLE u (a);"},
                             {"broken", "CREATE TABLE v (a); INSERT INTO nowhere VALUES (1);"}};
  auto connection = connect();
  ASSERT_TRUE(migrate(*connection, std::span(steps, 1)));
  auto failed = migrate(*connection, steps);
  ASSERT_FALSE(failed);
  EXPECT_THAT(describe(failed.error()), AllOf(HasSubstr("\"broken\""), HasSubstr("nowhere")));
  EXPECT_FALSE(connection->in_transaction());
  EXPECT_EQ(connection->query_integer("PRAGMA user_version").value(), 1);
  EXPECT_EQ(connection->query_integer("SELECT count(*) FROM sqlite_schema").value(), 1);
  ASSERT_TRUE(migrate(*connection, std::span(steps, 2)));
}

TEST_F(SqliteStoreTest, TheSchemaRefusesWhatTheRulesRefuse) {
  auto store = open();
  auto key = external_key(kAcme, 1);
  auto second = external_key(kAcme, 2);
  auto home = workspace(kAcme, 1);
  home.external_key_id = key.id;
  ASSERT_TRUE(run_blocking(store->write([&](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(kAcme));
    LATCHKEY_TRYV(tx.insert(key));
    LATCHKEY_TRYV(tx.insert(second));
    LATCHKEY_TRYV(tx.insert(home));
    LATCHKEY_TRYV(tx.insert_active_data_key(data_key(home, 1)));
    return tx.insert(activity(kAcme, 1));
  })));
  RawSqlite raw(path_);
  ASSERT_EQ(raw.execute("PRAGMA foreign_keys = ON"), "");
  struct Case {
    std::string sql;
    std::string says;
  };
  const Case cases[] = {
      {"UPDATE workspaces SET external_key_id = 'ekey_002'", "write-once"},
      {"UPDATE workspaces SET external_key_id = NULL", "write-once"},
      {"UPDATE workspaces SET compartment = randomblob(16)", "fixed"},
      {"UPDATE activities SET details = '{}'", "append-only"},
      {"DELETE FROM activities", "append-only"},
      {"DELETE FROM external_keys WHERE id = 'ekey_001'", "FOREIGN KEY"},
      {"DELETE FROM organizations", "FOREIGN KEY"},
      {"DELETE FROM workspaces", "FOREIGN KEY"},
      {"INSERT INTO data_keys (id, organization, compartment, external_key_id, key_version, wrapped, state, "
       "created_at) SELECT randomblob(16), organization, compartment, external_key_id, key_version, wrapped, "
       "state, created_at FROM data_keys",
       "UNIQUE"},
      {"UPDATE data_keys SET state = 'unknown'", "CHECK"},
      {"UPDATE data_keys SET created_at = 'now'", "INTEGER"},
  };
  for (const auto& c : cases) EXPECT_THAT(raw.execute(c.sql), HasSubstr(c.says)) << c.sql;
  // A retired data key leaves room for an active one.
  auto replaced = run_blocking(store->write(
      [&](Transaction& tx) { return tx.replace_active_data_key(data_key(home, 1).id, data_key(home, 2)); }));
  EXPECT_EQ(replaced.value(), data_key(home, 2));
  auto retired = run_blocking(
      store->read([&](Transaction& tx) { return tx.find_data_key(home.compartment, data_key(home, 1).id); }));
  EXPECT_EQ(retired.value()->state, DataKeyState::Retired);
}

TEST_F(SqliteStoreTest, ALockHeldTooLongIsUnavailableAndPasses) {
  auto store = open();
  RawSqlite raw(path_);
  ASSERT_EQ(raw.execute("BEGIN IMMEDIATE"), "");
  auto refused = insert(*store, kAcme);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(refused.error().message(), AllOf(HasSubstr(path_), HasSubstr("locked")));
  EXPECT_TRUE(refused.error().retry_after.has_value());
  EXPECT_THAT(list(*store).value(), SizeIs(0));
  ASSERT_EQ(raw.execute("ROLLBACK"), "");
  EXPECT_TRUE(insert(*store, kAcme));
}

// What a write has read stays true until it commits, even with other processes.
TEST_F(SqliteStoreTest, AWriteKeepsOtherProcessesFromWritingFromItsStart) {
  auto mine = open();
  auto theirs = open();
  auto done = run_blocking(mine->write([&](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.list_organizations());
    auto between = insert(*theirs, organization(2));
    EXPECT_FALSE(between);
    return tx.insert(kAcme);
  }));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_TRUE(insert(*theirs, organization(2)));
  EXPECT_THAT(list(*mine).value(), SizeIs(2));
}

TEST_F(SqliteStoreTest, SaysWhatEachOfSqlitesErrorsMeans) {
  open();
  auto connection = connect();
  struct Case {
    int sqlite;
    ErrorCode code;
    std::string reason;
    std::string says;
  };
  const Case cases[] = {
      {SQLITE_FULL, ErrorCode::Unavailable, "storage_full", "Free space"},
      {SQLITE_IOERR, ErrorCode::Unavailable, "", "Check its disk"},
      {SQLITE_IOERR_FSYNC, ErrorCode::Unavailable, "", "Check its disk"},
      {SQLITE_READONLY, ErrorCode::Unavailable, "", "read-only"},
      {SQLITE_READONLY_DBMOVED, ErrorCode::Unavailable, "", "where it was"},
      {SQLITE_CANTOPEN, ErrorCode::Unavailable, "", "folder"},
      {SQLITE_BUSY, ErrorCode::Unavailable, "", "locked"},
      {SQLITE_LOCKED, ErrorCode::Unavailable, "", "locked"},
      {SQLITE_NOMEM, ErrorCode::Unavailable, "", "memory"},
      {SQLITE_CORRUPT, ErrorCode::Internal, "", "restore a backup"},
      {SQLITE_NOTADB, ErrorCode::Internal, "", "not an SQLite database"},
      {SQLITE_CONSTRAINT_UNIQUE, ErrorCode::Internal, "", "refused a statement"},
      {SQLITE_MISUSE, ErrorCode::Internal, "", "refused a statement"},
  };
  for (const auto& c : cases) {
    auto error = connection->failure(c.sqlite);
    EXPECT_EQ(error.code, c.code) << c.sqlite;
    EXPECT_EQ(error.reason, c.reason) << c.sqlite;
    EXPECT_THAT(error.message(), AllOf(HasSubstr(path_), HasSubstr(c.says))) << c.sqlite;
  }
}

TEST_F(SqliteStoreTest, ADamagedFileIsInternalAndSaysSo) {
  {
    auto store = open();
    auto fill = [](Transaction& tx) -> Result<void> {
      LATCHKEY_TRYV(tx.insert(kAcme));
      for (std::uint32_t i = 0; i < 2'000; ++i) {
        LATCHKEY_TRYV(tx.insert(activity(kAcme, i)));
      }
      return success();
    };
    ASSERT_TRUE(run_blocking(store->write(fill)));
  }
  auto content = content_of(path_);
  constexpr std::size_t kPage = 4096;
  // Starts past the schema's own pages, which the header and the first pages hold.
  for (std::size_t at = content.size() / 2 / kPage * kPage; at < content.size(); ++at) content[at] = '\x5a';
  write_content(path_, content);

  auto store = open();
  ActivityFilter filter;
  filter.organization = kAcme.id;
  ListWindow window;
  window.limit = 1000;
  auto listed = run_blocking(store->read([&](Transaction& tx) { return tx.list_activities(filter, window); }));
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, ErrorCode::Internal);
  EXPECT_THAT(listed.error().message(), AllOf(HasSubstr(path_), HasSubstr("damaged"), HasSubstr("backup")));
}

TEST_F(SqliteStoreTest, AValueOfAnotherShapeIsDamage) {
  auto store = open();
  ASSERT_TRUE(insert(*store, kAcme));
  ASSERT_TRUE(run_blocking(store->write([](Transaction& tx) { return tx.insert(workspace(kAcme, 1)); })));
  ASSERT_EQ(RawSqlite(path_).execute("UPDATE workspaces SET tags = '[1]'"), "");
  auto found = run_blocking(store->read([](Transaction& tx) { return tx.find_workspace(kAcme.id, "wrkspc_001"); }));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::Internal);
  EXPECT_THAT(found.error().message(), AllOf(HasSubstr("workspaces"), HasSubstr("was changed since")));
}

}  // namespace latchkey::store
