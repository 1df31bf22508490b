// Purger: sees to it that what was destroyed is in none of the database's files any more, and holds up no writer for it
// longer than it must.
//
// It works in rounds, one at a time, on a thread of its own. A round searches for all that is noted when it begins;
// whoever comes while one runs shares the next. The search reads the file while others write. The writer is held for
// moments, to empty the -wal before the search and to forget the notes after it, and for as long as SQLite takes to
// write the file anew where something was found. Both are a bounded share of the writer's time: a moment is followed by
// a rest of nine times its length, and rewriting the file by one of forty-nine times. A search is followed by a rest
// of three times its length.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "base/mutex.hpp"
#include "base/task.hpp"
#include "store/sqlite/lane.hpp"
#include "store/sqlite/purge.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace latchkey::store {

// The rest that follows what takes of something that others need as well.
class Rest {
 public:
  explicit Rest(int times) : times_(times) {}
  void begin(SteadyTime began, SteadyTime ended);
  // Zero where it is over.
  [[nodiscard]] std::chrono::nanoseconds left(SteadyTime now) const;

 private:
  int times_;
  std::optional<SteadyTime> end_;
};

class Purger {
 public:
  // `writer` outlives it. Throws std::system_error where no thread can be made.
  Purger(std::unique_ptr<SqliteConnection> searcher, Lane& writer, std::chrono::milliseconds busy_timeout,
         PurgeHooks hooks);
  Purger(const Purger&) = delete;
  Purger& operator=(const Purger&) = delete;
  // Stops, and waits for the round that is under way.
  ~Purger();

  // What was noted before the call as destroyed is in no file, and is noted no more; nor is what was noted of rewraps,
  // where it was in no file. Else the round's failure: see Store::purge.
  [[nodiscard]] Task<Result<void>> purge();
  // Ends the round that is under way at its next step; whoever waits for it, or comes later, is told so. For any
  // thread.
  void stop();
  // Whether a round left SQLite's own checkpoints switched off: the next one switches them on, whatever is noted.
  [[nodiscard]] bool left_checkpoints_off() const { return checkpoints_off_; }

 private:
  struct Round {
    Mutex mutex;
    std::optional<Result<void>> outcome LATCHKEY_GUARDED_BY(mutex);
    std::vector<std::function<void()>> waiters LATCHKEY_GUARDED_BY(mutex);
  };

  [[nodiscard]] std::shared_ptr<Round> join_next();
  void run_next();
  [[nodiscard]] Result<void> purge_and_catch();
  [[nodiscard]] Result<void> purge_files();
  // Gives those that are in the file still; forgets the others.
  [[nodiscard]] Result<std::vector<NotedForm>> search();
  [[nodiscard]] Result<void> freeze();
  [[nodiscard]] Result<void> forget(const std::vector<NotedForm>& searched);
  [[nodiscard]] Result<void> rewrite_file();
  [[nodiscard]] Result<void> refuse_if_stopped() const;
  [[nodiscard]] Result<void> switch_checkpoints_on(SqliteConnection& writer);
  [[nodiscard]] Result<void> copy_wal();
  [[nodiscard]] Error kept_by_reader() const;
  [[nodiscard]] Error rewritten_lately(std::chrono::nanoseconds rest) const;
  // Holds the writer for a moment, once the rest after the last one is over. Not once it is stopped.
  template <class Work>
  auto hold_writer(Work work) -> std::invoke_result_t<Work, SqliteConnection&>;
  void pause(std::chrono::nanoseconds time);

  std::unique_ptr<SqliteConnection> searcher_;  // the thread's alone, but while the writer freezes the file for it
  Lane& writer_;
  std::chrono::milliseconds busy_timeout_;
  PurgeHooks hooks_;
  Rest after_search_;
  Rest after_moment_;
  Rest after_rewrite_;
  std::atomic<bool> checkpoints_off_ = false;

  Mutex mutex_;
  std::condition_variable_any stopping_;
  std::stop_source stop_;  // thread-safe by itself
  std::shared_ptr<Round> next_ LATCHKEY_GUARDED_BY(mutex_);
  boost::asio::thread_pool pool_{1};
};

}  // namespace latchkey::store
