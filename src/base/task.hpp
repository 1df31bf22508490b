// Coroutines. Every function that waits returns Task<T>. Rules: a coroutine holds no lock across a suspension; nothing
// blocks an I/O thread (RSA, SQLite and files use `run_on` with a pool of their own); deadlines are arguments. g++ 12
// destroys some temporaries twice: keep `co_await` out of conditional expressions and braced initialisers, and bind
// temporaries with destructors (lambdas that hold a shared_ptr) to variables before awaiting them.
#pragma once

#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace latchkey {

template <class T>
using Task = boost::asio::awaitable<T>;

// Runs `work` on a thread of `pool` and resumes on the caller's executor with its result.
template <class Work>
Task<std::invoke_result_t<Work>> run_on(boost::asio::thread_pool& pool, Work work) {
  using Value = std::invoke_result_t<Work>;
  if constexpr (std::is_void_v<Value>) {
    auto on_pool = [](Work inner) -> Task<void> {
      inner();
      co_return;
    };
    co_await boost::asio::co_spawn(pool.get_executor(), on_pool(std::move(work)), boost::asio::use_awaitable);
  } else {
    // Asio wants a coroutine's result to be default-constructible, and a Result is not, so the value travels beside it.
    auto value = std::make_shared<std::optional<Value>>();
    auto on_pool = [](Work inner, std::shared_ptr<std::optional<Value>> out) -> Task<void> {
      out->emplace(inner());
      co_return;
    };
    co_await boost::asio::co_spawn(pool.get_executor(), on_pool(std::move(work), value), boost::asio::use_awaitable);
    co_return std::move(**value);
  }
}

// Suspends the caller and calls `start(resume)`. The caller resumes on its own executor when `resume()` is called:
// once, from any thread. Meanwhile the executor's context owns the suspended caller and counts it as work: a context
// that ends destroys the callers that nobody has resumed, and their `resume` then does nothing. Not a coroutine itself,
// because of the g++ 12 bug above.
template <class Start>
Task<void> suspend(Start start) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [begin = std::move(start)](auto handler) mutable {
        using Timer = boost::asio::steady_timer;
        auto executor = boost::asio::get_associated_executor(handler);
        auto never = std::make_shared<Timer>(executor, Timer::time_point::max());
        std::weak_ptr<Timer> weak = never;
        auto& timer = *never;
        auto go_on = [never = std::move(never),
                      handler = std::move(handler)](const boost::system::error_code&) mutable { std::move(handler)(); };
        timer.async_wait(boost::asio::bind_executor(executor, std::move(go_on)));
        begin(std::function<void()>([weak = std::move(weak)] {
          auto waiting = weak.lock();
          if (!waiting) return;
          // Keeps the context running until this thread is done with it.
          auto work = boost::asio::make_work_guard(waiting->get_executor());
          waiting->cancel();
          waiting.reset();
        }));
      },
      boost::asio::use_awaitable);
}

// Runs a task to its end while this thread waits: for command lines and tests. It uses the system executor, whose
// context outlives whatever a pool still holds when the task is done. An exception from the task is rethrown here.
template <class T>
T run_blocking(Task<T> task) {
  std::promise<void> ended;
  auto finish = [&ended](const std::exception_ptr& error) { error ? ended.set_exception(error) : ended.set_value(); };
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(boost::asio::system_executor(), std::move(task), finish);
    ended.get_future().get();
  } else {
    std::optional<T> value;
    auto keep = [](Task<T> inner, std::optional<T>& out) -> Task<void> { out.emplace(co_await std::move(inner)); };
    boost::asio::co_spawn(boost::asio::system_executor(), keep(std::move(task), value), finish);
    ended.get_future().get();
    return std::move(*value);
  }
}

}  // namespace latchkey
