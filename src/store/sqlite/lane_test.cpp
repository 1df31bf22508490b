// One kind of work does not wait for another, nothing runs past its deadline, and queues have a limit.
#include <atomic>
#include <future>
#include <thread>
#include <tuple>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

#include "store/sqlite/sqlite_store.hpp"
#include "store/testing/raw_sqlite.hpp"
#include "testing/sample_rows.hpp"
#include "testing/sealer.hpp"
#include "testing/temporary_folder.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;
using std::chrono::milliseconds;

struct LaneTest : ::testing::Test {
  TemporaryFolder folder;
  SqliteOptions options{.path = folder.file("latchkey.db"), .sealer = testing::sealer_source(), .alarm = {}};
  std::unique_ptr<Store> store;

  void open() {
    store.reset();
    store = open_sqlite_store(options).value();
  }
  auto insert(const Organization& row) {
    return run_blocking(store->write([row](Transaction& tx) { return tx.insert(row); }));
  }
  auto find(const Organization& row) {
    return run_blocking(store->look_up([row](Transaction& tx) { return tx.find_organization(row.id); }));
  }
  template <class T>
  static void expect_put_off(const Result<T>& result, std::string_view reason) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::Unavailable);
    EXPECT_EQ(result.error().reason, reason);
    EXPECT_EQ(result.error().retry_after, std::chrono::seconds(1));
  }
};

// Reads that block until the test releases them.
struct Held {
  explicit Held(Store& store, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      boost::asio::co_spawn(pool, hold(store), boost::asio::detached);
    }
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    release.set_value();
    pool.join();
  }
  Task<void> hold(Store& store) {
    auto wait = [this](Transaction&) -> Result<void> {
      ++running;
      released.wait();
      return success();
    };
    auto done = co_await store.read(std::move(wait));
    failed += done ? 0 : 1;
  }
  void until(std::size_t count) const {
    while (running < count) std::this_thread::yield();
  }
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<std::size_t> running = 0;
  std::atomic<std::size_t> failed = 0;
  boost::asio::thread_pool pool{4};
};

TEST_F(LaneTest, LookUpsDoNotWaitForReadsNorReadsForWrites) {
  open();
  ASSERT_TRUE(insert(kAcme));
  Held readers(*store, 16);
  readers.until(2);
  auto found = find(kAcme);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found.value());
  EXPECT_TRUE(insert(organization(2)));
  EXPECT_EQ(readers.running.load(), 2U) << "there are two";
}

TEST_F(LaneTest, WhatWaitsHasABound) {
  options.most_waiting = 2;  // running ones count
  open();
  {
    Held readers(*store, 2);
    readers.until(2);
    auto third = run_blocking(store->read([](Transaction&) -> Result<void> { return success(); }));
    expect_put_off(third, "store_busy");
    EXPECT_TRUE(find(kAcme)) << "another lane";
  }
  EXPECT_TRUE(run_blocking(store->read([](Transaction&) -> Result<void> { return success(); })));
}

// A join of thousands of rows several times over: nobody waits for its end.
Result<void> never_ending(Transaction& tx) {
  ActivityFilter filter;
  filter.organization = kAcme.id;
  for (;;) {
    LATCHKEY_TRYV(tx.list_activities(filter, {.limit = 1000, .after = {}, .before = {}, .newest_first = true}));
  }
}

TEST_F(LaneTest, WhatRunsPastItsTimeIsEnded) {
  open();
  ASSERT_TRUE(insert(kAcme));
  auto fill = [](Transaction& tx) -> Result<void> {
    for (std::uint32_t i = 0; i < 1000; ++i) {
      LATCHKEY_TRYV(tx.insert(activity(kAcme, i)));
    }
    return success();
  };
  ASSERT_TRUE(run_blocking(store->write(fill)));
  options.read_timeout = milliseconds(50);
  options.write_timeout = milliseconds(50);
  open();
  expect_put_off(run_blocking(store->read(never_ending)), "store_timeout");
  expect_put_off(run_blocking(store->look_up(never_ending)), "store_timeout");
  auto write = [](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(organization(2)));
    return never_ending(tx);
  };
  expect_put_off(run_blocking(store->write(write)), "store_timeout");
  options.read_timeout = options.write_timeout = std::chrono::minutes(1);
  open();
  auto second = find(organization(2));
  ASSERT_TRUE(second) << "the connections still work";
  EXPECT_FALSE(second.value()) << "nothing was changed";
  EXPECT_TRUE(insert(organization(2)));
}

TEST_F(LaneTest, WhatWaitedPastItsTimeIsNotBegun) {
  options.read_timeout = options.write_timeout = milliseconds(0);
  open();
  bool begun = false;
  auto work = [&](Transaction&) -> Result<void> {
    begun = true;
    return success();
  };
  expect_put_off(run_blocking(store->read(work)), "store_timeout");
  expect_put_off(run_blocking(store->look_up(work)), "store_timeout");
  expect_put_off(run_blocking(store->write(work)), "store_timeout");
  EXPECT_FALSE(begun);
}

// Purges and checks that use the writer's connection next have no deadline, whatever deadline the write before had.
TEST_F(LaneTest, AWriteThatWasNotBegunLeavesNoDeadlineBehind) {
  constexpr std::uint8_t kMany = 250;  // more SQLite steps than lie between two looks at the clock
  open();
  auto fill = [](Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.insert(kAcme));
    for (std::uint8_t number = 0; number < kMany; ++number) {
      LATCHKEY_TRYV(tx.insert(workspace(kAcme, number)));
    }
    return success();
  };
  ASSERT_TRUE(run_blocking(store->write(fill)));
  options.busy_timeout = milliseconds(100);
  for (auto [what, time, is_locked] : {std::tuple("it waited too long", milliseconds(0), false),
                                       std::tuple("it is locked out", milliseconds(50), true)}) {
    SCOPED_TRACE(what);
    options.write_timeout = time;
    open();
    RawSqlite other(options.path);
    if (is_locked) {
      ASSERT_EQ(other.execute("BEGIN IMMEDIATE"), "");
    }
    auto refused = insert(organization(2));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
    if (is_locked) {
      ASSERT_EQ(other.execute("ROLLBACK"), "");
    }
    auto checked = run_blocking(store->check_seals());
    ASSERT_TRUE(checked) << checked.error().message();
    EXPECT_EQ(checked.value().sealed, kMany);
  }
}

TEST_F(LaneTest, AMissingRowIsNotATimeout) {
  open();
  auto found = find(kAcme);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found.value());
  EXPECT_TRUE(run_blocking(store->purge()));
}

}  // namespace
}  // namespace latchkey::store
