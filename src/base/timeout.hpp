// Waits for shared work up to a limit, and lets the work go on when the caller stops waiting.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/mutex.hpp"
#include "base/result.hpp"
#include "base/task.hpp"

namespace latchkey {

namespace detail {

template <class T>
struct TimedWait {
  explicit TimedWait(const boost::asio::any_io_executor& executor) : timer(executor) {}

  void wake() {
    std::function<void()> waiter;
    {
      MutexLock lock(mutex);
      timer.cancel();
      waiter.swap(resume);
    }
    if (waiter) waiter();
  }

  Mutex mutex;
  std::optional<T> value LATCHKEY_GUARDED_BY(mutex);
  bool ended LATCHKEY_GUARDED_BY(mutex) = false;
  std::function<void()> resume LATCHKEY_GUARDED_BY(mutex);
  boost::asio::steady_timer timer LATCHKEY_GUARDED_BY(mutex);  // not thread-safe by itself
};

template <class T>
Task<void> work_for(std::shared_ptr<TimedWait<T>> state, std::function<Task<T>()> work) {
  std::optional<T> value;
  try {
    auto result = co_await work();
    value.emplace(std::move(result));
  } catch (...) {
    // Only memory exhaustion throws here; the waiter learns that there is no result.
  }
  {
    MutexLock lock(state->mutex);
    state->value = std::move(value);
    state->ended = true;
  }
  state->wake();
}

}  // namespace detail

// Runs `work` on `executor`, detached, and waits at most `timeout` for its result. Returns nothing when that was too
// short (the work goes on), and does not start the work when `timeout` is not positive. `work` must keep alive what it
// uses.
template <class T>
Task<std::optional<T>> with_timeout(boost::asio::any_io_executor executor, std::chrono::nanoseconds timeout,
                                    std::function<Task<T>()> work) {
  constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);
  if (timeout <= std::chrono::nanoseconds(0)) co_return std::nullopt;
  timeout = std::min(timeout, kLongest);
  auto state = std::make_shared<detail::TimedWait<T>>(executor);
  boost::asio::co_spawn(executor, detail::work_for<T>(state, std::move(work)), boost::asio::detached);
  auto begin = [state, timeout](std::function<void()> resume) {  // NOLINT(performance-unnecessary-value-param): moved
    {
      MutexLock lock(state->mutex);
      if (!state->ended) {
        state->resume = std::move(resume);
        state->timer.expires_after(timeout);
        state->timer.async_wait([state](const boost::system::error_code& cancelled) {
          if (!cancelled) state->wake();
        });
        return;
      }
    }
    resume();
  };
  auto woken = suspend(std::move(begin));
  co_await std::move(woken);
  std::optional<T> value;
  {
    MutexLock lock(state->mutex);
    value = std::move(state->value);
  }
  co_return value;
}

// Wraps `work` so that an exception becomes an Internal error: a shared flight must land with a result.
template <class T>
std::function<Task<Result<T>>()> guarded(std::function<Task<Result<T>>()> work) {
  auto guard = [](std::function<Task<Result<T>>()> inner) -> Task<Result<T>> {
    try {
      auto result = co_await inner();
      co_return result;
    } catch (const std::exception& failure) {
      co_return Error{ErrorCode::Internal, std::string("the key could not be asked: ") + failure.what()};
    }
  };
  return [guard, work = std::move(work)] { return guard(work); };
}

}  // namespace latchkey
