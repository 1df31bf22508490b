// Purger makes sure that destroyed bytes are in none of the database's files any more, and blocks writers no longer
// than necessary.
//
// It works in rounds, one at a time, on a thread of its own. A round searches for everything that is noted when it
// begins; callers that arrive while one runs share the next. The search reads the file while others write. A round
// holds the writer for moments, to empty the -wal before the search and to erase the notes after it, and, where it
// found something, for as long as SQLite takes to rewrite the file. Rests bound these shares of the writer's time: a
// moment is followed by a rest of nine times its length, rewriting the file by one of forty-nine times, and a search by
// one of three times its length.
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

// The rest that follows the use of something that others need as well.
class Rest {
 public:
  explicit Rest(int times) : times_(times) {}
  void begin(SteadyTime began, SteadyTime ended);
  // Zero where the rest is over.
  [[nodiscard]] std::chrono::nanoseconds left(SteadyTime now) const;

 private:
  int times_;
  std::optional<SteadyTime> end_;
};

class Purger {
 public:
  // `writer` must outlive the purger. Throws std::system_error where no thread can be made.
  Purger(std::unique_ptr<SqliteConnection> searcher, Lane& writer, std::chrono::milliseconds busy_timeout,
         PurgeHooks hooks);
  Purger(const Purger&) = delete;
  Purger& operator=(const Purger&) = delete;
  // Stops, and waits for the current round.
  ~Purger();

  // Success means: what was noted as destroyed before the call is in no file, and its notes are erased, as are the
  // notes of rewraps that were found in no file. Otherwise the round's failure: see Store::purge.
  [[nodiscard]] Task<Result<void>> purge();
  // Ends the current round at its next step; its callers, and later ones, get purge_stopped. Callable from any thread.
  void stop();
  // True where a round left SQLite's own checkpoints switched off: the next one switches them on, even with nothing
  // noted.
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
  // Returns the forms that are still in the file and erases the notes of the others.
  [[nodiscard]] Result<std::vector<NotedForm>> search();
  [[nodiscard]] Result<void> freeze();
  [[nodiscard]] Result<void> forget(const std::vector<NotedForm>& searched);
  [[nodiscard]] Result<void> rewrite_file();
  [[nodiscard]] Result<void> refuse_if_stopped() const;
  [[nodiscard]] Result<void> switch_checkpoints_on(SqliteConnection& writer);
  [[nodiscard]] Result<void> copy_wal();
  [[nodiscard]] Error kept_by_reader() const;
  [[nodiscard]] Error rewritten_lately(std::chrono::nanoseconds rest) const;
  // Holds the writer for a moment, after the rest from the last time. Not after stop().
  template <class Work>
  auto hold_writer(Work work) -> std::invoke_result_t<Work, SqliteConnection&>;
  void pause(std::chrono::nanoseconds time);

  std::unique_ptr<SqliteConnection> searcher_;  // only the thread uses it, except while the writer freezes the file
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
