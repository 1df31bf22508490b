// Waiting for shared work no longer than one can, without taking the work down when one's patience ends.
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
struct Patience {
  explicit Patience(const boost::asio::any_io_executor& executor) : timer(executor) {}

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
Task<void> work_for(std::shared_ptr<Patience<T>> state, std::function<Task<T>()> work) {
  std::optional<T> value;
  try {
    auto result = co_await work();
    value.emplace(std::move(result));
  } catch (...) {
    // Nothing but memory exhaustion is thrown here; who waits is told that there is no result.
  }
  {
    MutexLock lock(state->mutex);
    state->value = std::move(value);
    state->ended = true;
  }
  state->wake();
}

}  // namespace detail

// Runs `work` on `executor`, detached, and waits for its result at most `patience`; nothing where that was not enough
// (the work goes on), and where there was none to begin with (it is not begun). `work` keeps alive what it uses.
template <class T>
Task<std::optional<T>> with_timeout(boost::asio::any_io_executor executor, std::chrono::nanoseconds patience,
                                    std::function<Task<T>()> work) {
  constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);
  if (patience <= std::chrono::nanoseconds(0)) co_return std::nullopt;
  patience = std::min(patience, kLongest);
  auto state = std::make_shared<detail::Patience<T>>(executor);
  boost::asio::co_spawn(executor, detail::work_for<T>(state, std::move(work)), boost::asio::detached);
  auto begin = [state, patience](std::function<void()> resume) {  // NOLINT(performance-unnecessary-value-param): moved
    {
      MutexLock lock(state->mutex);
      if (!state->ended) {
        state->resume = std::move(resume);
        state->timer.expires_after(patience);
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

// `work`, with whatever it may throw as an Internal error: a shared flight must land.
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
