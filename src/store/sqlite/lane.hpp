// Connections of one kind, with a thread each and one bounded queue of work for them. Work in one lane never waits for
// work in another. Thread-safe.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/mutex.hpp"
#include "base/task.hpp"
#include "store/sqlite/connection.hpp"

namespace latchkey::store {

class Lane {
 public:
  // At least one connection; at most `most_waiting` pieces of work wait or run at a time. Throws std::system_error
  // where no thread can be made.
  Lane(std::vector<std::unique_ptr<SqliteConnection>> connections, std::size_t most_waiting);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  // Waits for the work that is under way.
  ~Lane();

  // Runs `work` on a thread of the lane, with a connection that nothing else uses meanwhile. Unavailable, at once,
  // where the queue is full.
  template <class Work>
  auto run(Work work) -> Task<std::invoke_result_t<Work, SqliteConnection&>> {
    using Outcome = std::invoke_result_t<Work, SqliteConnection&>;
    if (!enter()) co_return too_busy();
    auto outcome = std::make_shared<std::optional<Outcome>>();
    auto error = std::make_shared<std::exception_ptr>();
    auto on_thread = [this, inner = std::move(work), outcome, error]() mutable {
      try {
        Turn turn(*this);
        outcome->emplace(inner(*turn.connection));
      } catch (...) {
        *error = std::current_exception();
      }
    };
    auto ended = post_and_wait(std::move(on_thread));
    co_await std::move(ended);
    if (*error) std::rethrow_exception(*error);
    co_return std::move(**outcome);
  }

  // The same for a caller that may block; not for the lane's own threads.
  template <class Work>
  auto run_and_wait(Work work) -> std::invoke_result_t<Work, SqliteConnection&> {
    using Outcome = std::invoke_result_t<Work, SqliteConnection&>;
    if (!enter()) return too_busy();
    auto on_thread = [this, inner = std::move(work)]() mutable -> Outcome {
      Turn turn(*this);
      return inner(*turn.connection);
    };
    // Shared, because the lane's thread still uses it when the outcome is there.
    auto task = std::make_shared<std::packaged_task<Outcome()>>(std::move(on_thread));
    auto outcome = task->get_future();
    post([task] { (*task)(); });
    return outcome.get();
  }

 private:
  struct Turn {
    explicit Turn(Lane& of) : lane(of), connection(of.take()) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() { lane.leave(std::move(connection)); }
    Lane& lane;
    std::unique_ptr<SqliteConnection> connection;
  };

  // Resumes on the caller's executor once the work is done. Not a coroutine itself, for the reason in base/task.hpp.
  template <class Work>
  Task<void> post_and_wait(Work work) {
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [this, work = std::move(work)](auto handler) mutable {
          auto executor = boost::asio::make_work_guard(boost::asio::get_associated_executor(handler));
          this->post([work = std::move(work), handler = std::move(handler), executor = std::move(executor)]() mutable {
            work();
            boost::asio::dispatch(executor.get_executor(), std::move(handler));
          });
        },
        boost::asio::use_awaitable);
  }
  // The lane stays until this returns, also where the work's caller has its result before, and is done with the lane.
  template <class Work>
  void post(Work work) {
    // Also where there is no memory for the post: a count that stays would hold up the destructor for ever.
    struct Posting {
      explicit Posting(std::atomic<std::size_t>& of) : count(of) { ++count; }
      Posting(const Posting&) = delete;
      Posting& operator=(const Posting&) = delete;
      ~Posting() { --count; }
      std::atomic<std::size_t>& count;
    } posting(posting_);
    boost::asio::post(pool_, std::move(work));
  }
  [[nodiscard]] bool enter();
  [[nodiscard]] Error too_busy() const;
  // There are as many connections as threads, so one is always free.
  [[nodiscard]] std::unique_ptr<SqliteConnection> take();
  void leave(std::unique_ptr<SqliteConnection> connection);

  std::size_t most_waiting_;
  std::string path_;
  std::atomic<std::size_t> entered_ = 0;
  std::atomic<std::size_t> posting_ = 0;
  Mutex mutex_;
  std::vector<std::unique_ptr<SqliteConnection>> connections_ LATCHKEY_GUARDED_BY(mutex_);
  boost::asio::thread_pool pool_;
};

}  // namespace latchkey::store
