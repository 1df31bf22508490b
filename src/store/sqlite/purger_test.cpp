// A purge blocks others no longer than it must, and callers share a round.
#include "store/sqlite/purger.hpp"

#include <atomic>
#include <future>
#include <sstream>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include "base/log.hpp"
#include "store/testing/fault_vfs.hpp"
#include "store/testing/purge_fixture.hpp"

namespace latchkey::store {
namespace {

using namespace store::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Rest, IsSoManyTimesAsLongAsWhatItFollows) {
  SteadyTime start(hours(1));
  Rest rest(9);
  EXPECT_EQ(rest.left(start), seconds(0));
  rest.begin(start, start + seconds(2));
  EXPECT_EQ(rest.left(start + seconds(2)), seconds(18));
  EXPECT_EQ(rest.left(start + seconds(19)), seconds(1));
  EXPECT_EQ(rest.left(start + seconds(21)), seconds(0));
  rest.begin(start + seconds(3), start + seconds(3));
  EXPECT_EQ(rest.left(start + seconds(3)), seconds(17)) << "a shorter one does not end it";
}

struct PurgerTest : PurgeFixture {
  std::atomic<int> searches = 0;
  std::atomic<int> rewrites = 0;
  std::atomic<SteadyTime> now = SteadyTime(hours(1));

  PurgerTest() {
    hooks_.now = [this] { return now.load(); };
    hooks_.searching = [this] { ++searches; };
    hooks_.rewriting = [this] { ++rewrites; };
  }
  void advance(SteadyTime::duration time) { now = now.load() + time; }
};

TEST_F(PurgerTest, WritesGoOnWhileTheFileIsSearched) {
  std::promise<void> begun;
  std::promise<void> release;
  hooks_.searching = [&] {
    begun.set_value();
    release.get_future().wait();
  };
  open();
  given_keys(2, 1);
  auto erased = destroy(0);
  auto purged = std::async(std::launch::async, [&] { return run_blocking(store_->purge()); });
  begun.get_future().wait();
  EXPECT_TRUE(write([](Transaction& tx) { return tx.insert(organization(2)); }));
  EXPECT_TRUE(run_blocking(store_->look_up([](Transaction& tx) { return tx.find_organization(kAcme.id); })));
  // A note that was added during the search is not erased with the others.
  destroy(1);
  release.set_value();
  EXPECT_TRUE(purged.get());
  EXPECT_EQ(found(erased), 0U);
  EXPECT_EQ(count_notes(), "1");
}

// The purges wait for each other on one thread, so that the test knows which have arrived.
struct SharedPurge : PurgerTest {
  boost::asio::io_context context;
  std::optional<Lane> writer;
  std::optional<Purger> purger;
  int succeeded = 0;
  std::vector<Error> failures;

  void start() {
    open();
    store_.reset();
    std::vector<std::unique_ptr<SqliteConnection>> connections;
    connections.push_back(SqliteConnection::open(path_, milliseconds(1000)).value());
    writer.emplace(std::move(connections), 64);
    purger.emplace(SqliteConnection::open(path_, milliseconds(1000)).value(), *writer, milliseconds(1000), hooks_);
  }
  void note() {
    ASSERT_EQ(RawSqlite(path_).execute("INSERT INTO erased_forms (data_key, masked, pending) VALUES (zeroblob(16), "
                                       "randomblob(32), 1)"),
              "");
  }
  void come() {
    auto wait = [](SharedPurge& test) -> Task<void> {
      auto purged = co_await test.purger->purge();
      if (!purged) test.failures.push_back(purged.error());
      if (purged) ++test.succeeded;
    };
    boost::asio::co_spawn(context, wait(*this), boost::asio::detached);
    context.restart();
    context.poll();
  }
  void wait_for_all() {
    context.restart();
    context.run();
  }
  // One search has ended, and the next waits for the rest that follows it.
  void given_a_rest() {
    hooks_.searching = [this] {
      ++searches;
      advance(hours(1));
    };
    start();
    note();
    come();
    wait_for_all();
    EXPECT_EQ(succeeded, 1);
    note();
    come();
  }
};

TEST_F(SharedPurge, WhoComesWhileOneRunsSharesTheNext) {
  std::promise<void> begun;
  std::promise<void> release;
  hooks_.searching = [&] {
    if (++searches > 1) return;
    begun.set_value();
    release.get_future().wait();
  };
  start();
  note();
  come();
  begun.get_future().wait();
  for (int i = 0; i < 5; ++i) {
    note();
    come();
  }
  EXPECT_EQ(succeeded, 0);
  release.set_value();
  wait_for_all();
  EXPECT_EQ(succeeded, 6);
  EXPECT_EQ(searches, 2);
  EXPECT_EQ(count_notes(), "0");
}

TEST_F(SharedPurge, ASearchIsFollowedByARestThatEndsWithTheStore) {
  given_a_rest();
  purger.reset();
  wait_for_all();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().code, ErrorCode::Unavailable);
  EXPECT_EQ(count_notes(), "1") << "for the next start";
}

TEST_F(SharedPurge, AStopEndsTheRestAndAnswersThoseWhoComeLater) {
  given_a_rest();
  purger->stop();
  wait_for_all();
  EXPECT_EQ(failures.size(), 1U);
  come();
  ASSERT_EQ(failures.size(), 2U) << "at once";
  for (const auto& failure : failures) EXPECT_EQ(failure.code, ErrorCode::Unavailable);
  EXPECT_EQ(searches, 1);
  EXPECT_EQ(count_notes(), "1") << "for the next start";
}

TEST_F(SharedPurge, NothingIsWrittenAnewOnceItIsStopped) {
  open();
  given_keys(1, 1);
  plant(destroy(0));
  std::atomic<int> looks = 0;
  hooks_.now = [&] {
    // At the first look at the clock after it, the search has ended.
    if (searches == 1 && ++looks == 2) purger->stop();
    return now.load();
  };
  start();
  come();
  wait_for_all();
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_EQ(failures.front().code, ErrorCode::Unavailable);
  EXPECT_EQ(searches, 1);
  EXPECT_EQ(rewrites, 0);
  EXPECT_EQ(count_notes(), "1");
}

TEST_F(PurgerTest, AStoreThatPurgesNoMoreServesOn) {
  open();
  given_keys(2, 1);
  destroy(0);
  store_->stop_purging();
  auto purged = run_blocking(store_->purge(workspace(kAcme, 0).compartment));
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(searches, 0);
  EXPECT_TRUE(run_blocking(store_->purge(workspace(kAcme, 1).compartment))) << "there is nothing to search for";
  EXPECT_TRUE(write([](Transaction& tx) { return tx.insert(organization(2)); }));
}

// SQLite's own checkpoints are on again, although the round ends before it freezes the file once more.
TEST_F(SharedPurge, CheckpointsAreOnAgainAfterARoundThatFails) {
  open();
  given_keys(1, 1);
  plant(destroy(0));
  {
    FaultVfs disk;
    std::atomic<bool> rewriting = false;
    hooks_.rewriting = [&] { rewriting = true; };
    hooks_.now = [&] {
      // The first look at the clock after the file was rewritten.
      if (rewriting.exchange(false)) disk.fail_from(Fault::WriteFails, 0);
      return now.load();
    };
    start();
    come();
    wait_for_all();
    EXPECT_EQ(failures.size(), 1U);
    EXPECT_TRUE(disk.repair());
    auto pages = writer->run_and_wait(
        [](SqliteConnection& connection) { return connection.query_integer("PRAGMA wal_autocheckpoint"); });
    EXPECT_EQ(pages.value(), 1000);
    EXPECT_FALSE(purger->left_checkpoints_off());
    purger.reset();
    writer.reset();
  }
}

// Only one write waits at a time, and another caller's begins just after the file was rewritten.
struct BusyWriter : PurgerTest {
  enum class Stage { Before, Rewriting, Rewritten, Held };
  std::atomic<Stage> stage = Stage::Before;
  std::promise<void> begun;
  std::promise<void> release;
  std::future<Result<void>> other;

  BusyWriter() {
    hooks_.rewriting = [this] { stage = Stage::Rewriting; };
    hooks_.now = [this] {
      if (stage == Stage::Rewriting) {
        stage = Stage::Rewritten;
      } else if (stage == Stage::Rewritten) {
        stage = Stage::Held;
        hold_writer();
      }
      return now.load();
    };
  }
  void hold_writer() {
    auto hold = [this](Transaction&) -> Result<void> {
      begun.set_value();
      release.get_future().wait();
      return success();
    };
    other = std::async(std::launch::async, [this, hold] { return run_blocking(store_->write(hold)); });
    begun.get_future().wait();
  }
};

TEST_F(BusyWriter, CheckpointsAreSwitchedOnByTheNextPurgeWhateverIsNoted) {
  open();
  given_keys(1, 1);
  plant(destroy(0));
  store_.reset();
  store_ = open_sqlite_store({.path = path_,
                              .busy_timeout = milliseconds(20),
                              .sealer = testing::sealer_source(),
                              .alarm = {},
                              .most_waiting = 1,
                              .purge = hooks_})
               .value();
  auto refused = run_blocking(store_->purge());
  release.set_value();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "store_busy");
  ASSERT_TRUE(other.get());
  ASSERT_EQ(RawSqlite(path_).execute("DELETE FROM erased_forms"), "");
  searches = 0;
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(searches, 1) << "a round, for the checkpoints alone";
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(searches, 1);
}

// Records what is logged meanwhile.
class HeardLog {
 public:
  HeardLog() {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::move(sink)));
  }
  HeardLog(const HeardLog&) = delete;
  HeardLog& operator=(const HeardLog&) = delete;
  ~HeardLog() { spdlog::set_default_logger(before_); }
  std::size_t count(std::string_view wanted) const {
    auto text = text_.str();
    std::size_t times = 0;
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++times;
    return times;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

TEST_F(PurgerTest, AFailureThatNobodyWaitsForIsLoggedOnce) {
  open();
  given_keys(1, 1);
  rewrap_all(1);
  RawSqlite reader(path_);
  ASSERT_EQ(reader.execute("BEGIN; SELECT count(*) FROM data_keys;"), "");
  HeardLog log;
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(log.count("is being read by another process"), 1U);
  ASSERT_EQ(reader.execute("COMMIT"), "");
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(log.count("still being searched for"), 1U);
}

TEST_F(PurgerTest, AFileThatWasWrittenAnewIsNotForSomeTime) {
  hooks_.rewriting = [this] {
    ++rewrites;
    advance(seconds(10));
  };
  open();
  given_keys(4, 1);
  auto shred = [&](std::uint8_t number, bool planted) {
    auto erased = destroy(number);
    if (planted) {
      ASSERT_EQ(RawSqlite(path_).execute(planting(erased)), "");
    }
  };
  shred(0, true);
  ASSERT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(rewrites, 1);

  shred(1, false);
  EXPECT_TRUE(run_blocking(store_->purge())) << "a search that finds nothing needs no rewrite";
  EXPECT_EQ(rewrites, 1);

  shred(2, true);
  auto put_off = run_blocking(store_->purge());
  ASSERT_FALSE(put_off);
  EXPECT_EQ(put_off.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(put_off.error().retry_after, seconds(490));
  EXPECT_EQ(count_notes(), "1");
  shred(3, true);
  advance(seconds(490));
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(rewrites, 2) << "once for all that waited";
  for (std::uint8_t number = 0; number < 4; ++number) EXPECT_EQ(found(wrapped_[number]), 0U);
}

TEST_F(PurgerTest, WhatWasReplacedHoldsUpNobodysShredding) {
  hooks_.rewriting = [this] {
    ++rewrites;
    advance(seconds(10));
  };
  open();
  given_keys(3, 1);
  auto first = destroy(0);
  ASSERT_EQ(RawSqlite(path_).execute(planting(first)), "");
  ASSERT_TRUE(run_blocking(store_->purge()));
  auto replaced = wrapped_[1];
  rewrap_all(2);
  ASSERT_EQ(RawSqlite(path_).execute(planting(replaced)), "");
  auto erased = destroy(2);
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(erased), 0U);
  EXPECT_EQ(found(replaced), 1U);
  EXPECT_EQ(count_notes(), "1") << "it is found again";
  advance(seconds(490));
  EXPECT_TRUE(run_blocking(store_->purge()));
  EXPECT_EQ(found(replaced), 0U);
  EXPECT_EQ(count_notes(), "0");
}

}  // namespace
}  // namespace latchkey::store
