// Full disks, broken disks, and kill -9: acknowledged writes are there, refused ones are not, and the store goes on
// when the cause is gone.
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/fault_vfs.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/matchers.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {

namespace {

using namespace store::testing;
using latchkey::testing::IsErrorFor;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::unique_ptr<Store> open(const std::string& path, std::int64_t max_pages = 0) {
  auto opened = open_sqlite_store(
      {.path = path, .readers = 1, .max_pages = max_pages, .sealer = testing::sealer_source(), .alarm = {}});
  EXPECT_TRUE(opened) << opened.error().message();
  return opened ? std::move(opened.value()) : nullptr;
}

// Writes two rows in one transaction, so that half of it would show.
Result<void> write_pair(Store& store, std::uint32_t pair, std::size_t size = 0) {
  return run_blocking(store.write([=](Transaction& tx) -> Result<void> {
    auto first = activity(kAcme, 2 * pair);
    auto second = activity(kAcme, 2 * pair + 1);
    first.details = second.details = std::string(size, 'x');
    LATCHKEY_TRYV(tx.insert(first));
    return tx.insert(second);
  }));
}

std::size_t count_activities(Store& store) {
  auto list = [](Transaction& tx) {
    ActivityFilter filter;
    filter.organization = kAcme.id;
    ListWindow window;
    window.limit = 1'000'000;
    return tx.list_activities(filter, window);
  };
  auto listed = run_blocking(store.read(list));
  EXPECT_TRUE(listed) << listed.error().message();
  return listed ? listed.value().rows.size() : 0;
}

void expect_whole(const std::string& path) {
  RawSqlite raw(path);
  EXPECT_EQ(raw.query("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(raw.query("SELECT count(*) FROM pragma_foreign_key_check"), "0");
}

void write_organization(Store& store) {
  ASSERT_TRUE(run_blocking(store.write([](Transaction& tx) { return tx.insert(kAcme); })));
}

}  // namespace

TEST(SqliteFault, AFullDatabaseRefusesWholeTransactionsAndGoesOnWithRoom) {
  TemporaryFolder folder;
  auto path = folder.file("latchkey.db");
  constexpr std::int64_t kPages = 85;
  constexpr std::size_t kSize = 3000;
  auto store = open(path, kPages);
  write_organization(*store);
  auto ballast = external_key(kAcme, 1);
  ballast.provider_config = std::string(20'000, 'x');
  ASSERT_TRUE(run_blocking(store->write([&](Transaction& tx) { return tx.insert(ballast); })));

  std::uint32_t written = 0;
  auto done = write_pair(*store, written, kSize);
  while (done && written < kPages) done = write_pair(*store, ++written, kSize);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(done.error().reason, "storage_full");
  EXPECT_THAT(done.error().message(), AllOf(HasSubstr(path), HasSubstr("Free space")));
  EXPECT_EQ(count_activities(*store), 2 * written);
  EXPECT_THAT(write_pair(*store, written, kSize), IsErrorFor("storage_full"));
  EXPECT_EQ(count_activities(*store), 2 * written);

  ASSERT_TRUE(run_blocking(store->write([&](Transaction& tx) { return tx.erase_external_key(kAcme.id, ballast.id); })));
  EXPECT_TRUE(write_pair(*store, written, kSize));
  EXPECT_EQ(count_activities(*store), 2 * (written + 1));
  store.reset();
  expect_whole(path);
  store = open(path);
  for (std::uint32_t pair = written + 1; pair < written + 50; ++pair) EXPECT_TRUE(write_pair(*store, pair, kSize));
}

TEST(SqliteFault, NoRoomForTheSchemaIsStorageFull) {
  TemporaryFolder folder;
  auto path = folder.file("latchkey.db");
  auto opened = open_sqlite_store({.path = path, .max_pages = 5, .sealer = testing::sealer_source(), .alarm = {}});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(opened.error().reason, "storage_full");
  auto store = open(path);
  write_organization(*store);
}

TEST(SqliteFault, AWriteThatReturnedIsSynced) {
  TemporaryFolder folder;
  FaultVfs disk;
  auto store = open(folder.file("latchkey.db"));
  write_organization(*store);
  EXPECT_TRUE(disk.wal_is_synced());
  for (std::uint32_t pair = 0; pair < 10; ++pair) {
    ASSERT_TRUE(write_pair(*store, pair));
    EXPECT_TRUE(disk.wal_is_synced());
  }
}

class BrokenDisk : public ::testing::TestWithParam<Fault> {};

// The disk breaks at each operation of a transaction in turn.
TEST_P(BrokenDisk, LosesNothingThatWasAcknowledgedAndKeepsNothingThatWasRefused) {
  TemporaryFolder folder;
  auto path = folder.file("latchkey.db");
  FaultVfs disk;
  auto store = open(path);
  write_organization(*store);
  std::size_t acknowledged = 0;
  std::uint32_t pair = 0;
  std::size_t refusals = 0;
  // Large enough that a checkpoint follows some of the commits.
  constexpr std::size_t kSize = 60'000;
  constexpr std::int64_t kMostOperations = 2'000;
  bool broke = true;
  for (std::int64_t nth = 0; broke && nth < kMostOperations; ++nth) {
    disk.fail_from(GetParam(), nth);
    auto done = write_pair(*store, pair++, kSize);
    broke = disk.repair();
    if (done) {
      acknowledged += 2;
    } else {
      ++refusals;
      EXPECT_EQ(done.error().code, ErrorCode::Unavailable);
      EXPECT_EQ(done.error().reason, GetParam() == Fault::DiskFull ? "storage_full" : "");
    }
    ASSERT_EQ(count_activities(*store), acknowledged) << "after operation " << nth;
    // Once the disk works again, so does the same store.
    ASSERT_TRUE(write_pair(*store, pair++));
    acknowledged += 2;
  }
  EXPECT_FALSE(broke);
  EXPECT_GT(refusals, 0U);
  store.reset();
  expect_whole(path);
  store = open(path);
  EXPECT_EQ(count_activities(*store), acknowledged);
}

INSTANTIATE_TEST_SUITE_P(Every, BrokenDisk, ::testing::Values(Fault::DiskFull, Fault::WriteFails, Fault::SyncFails),
                         [](const auto& fault) {
                           switch (fault.param) {
                             case Fault::DiskFull:
                               return "DiskFull";
                             case Fault::WriteFails:
                               return "WriteFails";
                             case Fault::SyncFails:
                               return "SyncFails";
                           }
                           return "";
                         });

namespace {

// Commits pairs for ever and writes each number to the pipe once it is acknowledged.
[[noreturn]] void write_until_killed(const std::string& path, std::uint32_t first, int pipe) {
  auto opened = open_sqlite_store({.path = path, .readers = 1, .sealer = testing::sealer_source(), .alarm = {}});
  if (!opened) ::_exit(1);
  for (std::uint32_t pair = first;; ++pair) {
    if (!write_pair(*opened.value(), pair, pair % 7 * 1000)) ::_exit(2);
    if (::write(pipe, &pair, sizeof pair) != sizeof pair) ::_exit(3);
  }
}

// Kills a child after its `count`-th pair and returns the last pair that it acknowledged.
std::uint32_t kill_after(const std::string& path, std::uint32_t first, std::uint32_t count) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    write_until_killed(path, first, ends[1]);
  }
  ::close(ends[1]);
  std::uint32_t last = 0;
  std::uint32_t seen = 0;
  while (seen < count && ::read(ends[0], &last, sizeof last) == sizeof last) ++seen;
  EXPECT_EQ(seen, count);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  // Pairs that it acknowledged between the last read and its end count, too.
  while (::read(ends[0], &last, sizeof last) == sizeof last) {
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

}  // namespace

TEST(SqliteFault, AKilledProcessLosesNothingThatItAcknowledged) {
  TemporaryFolder folder;
  auto path = folder.file("latchkey.db");
  write_organization(*open(path));
  std::uint32_t next = 0;
  std::size_t expected_least = 0;
  for (std::uint32_t count : {1, 2, 3, 5, 8, 13, 21, 34, 55}) {
    auto last = kill_after(path, next, count);
    expected_least += 2 * (last + 1 - next);
    auto store = open(path);
    auto found = count_activities(*store);
    // The pair in flight may have been committed without an acknowledgement, as a whole.
    EXPECT_GE(found, expected_least);
    EXPECT_LE(found, expected_least + 2);
    EXPECT_EQ(found % 2, 0U);
    store.reset();
    expect_whole(path);
    expected_least = found;
    next = static_cast<std::uint32_t>(found / 2);
  }
}

}  // namespace latchkey::store
