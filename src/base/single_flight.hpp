// SingleFlight: when many coroutines ask for the same thing at once, the work runs once and all get its result. For
// costly work such as tokens and unwraps. It keeps no results: caching is the caller's. An exception from the work
// reaches every caller of `run`.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include <boost/asio/detached.hpp>

#include "base/mutex.hpp"
#include "base/task.hpp"

namespace latchkey {

// Key needs operator<; Value is copied to every waiter. Thread-safe. The work runs on `executor`, detached from the
// coroutine that started it, so a caller that is cancelled does not cancel the result for the others. The object must
// outlive its flights.
template <class Key, class Value>
class SingleFlight {
 public:
  template <class Executor>
  Task<Value> run(Executor executor, Key key, std::function<Task<Value>()> work) {
    std::shared_ptr<Flight> flight;
    bool first = false;
    {
      MutexLock lock(mutex_);
      auto& slot = flights_[key];
      if (!slot) {
        slot = std::make_shared<Flight>();
        first = true;
      }
      flight = slot;
    }
    if (first) {
      boost::asio::co_spawn(executor, fly(std::move(key), flight, std::move(work)), boost::asio::detached);
    }
    co_return co_await wait(flight);
  }

 private:
  using Waiter = std::function<void()>;
  struct Flight {
    Mutex mutex;
    bool landed LATCHKEY_GUARDED_BY(mutex) = false;
    // Written once before `landed` is set, and read only after.
    std::shared_ptr<const Value> value;  // null where `error` is set
    std::exception_ptr error;
    std::vector<Waiter> waiters LATCHKEY_GUARDED_BY(mutex);
  };

  Task<void> fly(Key key, std::shared_ptr<Flight> flight, std::function<Task<Value>()> work) {
    std::shared_ptr<const Value> value;
    std::exception_ptr error;
    try {
      value = std::make_shared<const Value>(co_await work());
    } catch (...) {
      error = std::current_exception();
    }
    {
      MutexLock lock(mutex_);
      flights_.erase(key);
    }
    std::vector<Waiter> waiters;
    {
      MutexLock lock(flight->mutex);
      flight->landed = true;
      flight->value = std::move(value);
      flight->error = error;
      waiters.swap(flight->waiters);
    }
    for (auto& waiter : waiters) waiter();
  }

  static Task<Value> wait(std::shared_ptr<Flight> flight) {
    auto enlist = [flight](Waiter resume) {
      {
        MutexLock lock(flight->mutex);
        if (!flight->landed) {
          flight->waiters.push_back(std::move(resume));
          return;
        }
      }
      resume();
    };
    auto landed = suspend(std::move(enlist));
    co_await std::move(landed);
    if (flight->error) std::rethrow_exception(flight->error);
    co_return *flight->value;
  }

  Mutex mutex_;
  std::map<Key, std::shared_ptr<Flight>> flights_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey
