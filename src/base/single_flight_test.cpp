#include "base/single_flight.hpp"

#include <atomic>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include "base/result.hpp"

namespace latchkey {
namespace {

namespace asio = boost::asio;
using Flights = SingleFlight<int, Result<std::string>>;

// Work waits here until the test releases it: the timer never expires by itself.
struct Latch {
  explicit Latch(asio::io_context& context) : timer(context, asio::steady_timer::time_point::max()) {}
  asio::steady_timer timer;
};

Task<Result<std::string>> wait_and_count(Latch& latch, int& runs) {
  ++runs;
  boost::system::error_code cancelled;
  co_await latch.timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  co_return std::string("done");
}

TEST(SingleFlight, ManyAskOneWorksAllAreAnswered) {
  constexpr int kCallers = 100;
  asio::io_context context;
  Latch latch(context);
  Flights flights;
  int runs = 0;
  int answered = 0;
  auto ask = [&](int key) -> Task<void> {
    auto value = co_await flights.run(context.get_executor(), key, [&] { return wait_and_count(latch, runs); });
    if (value && value.value() == "done") ++answered;
  };
  for (int i = 0; i < kCallers; ++i) asio::co_spawn(context, ask(7), asio::detached);
  context.poll();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(answered, 0);
  latch.timer.cancel();
  context.run();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(answered, kCallers);
}

TEST(SingleFlight, KeysDoNotWaitForEachOtherAndResultsAreNotKept) {
  asio::io_context context;
  Flights flights;
  int runs = 0;
  auto ask = [&](int key) -> Task<void> {
    auto value = co_await flights.run(context.get_executor(), key, [&]() -> Task<Result<std::string>> {
      ++runs;
      co_return Error{ErrorCode::KeyDenied, "no"};
    });
    EXPECT_FALSE(value);
  };
  for (int key : {1, 2}) asio::co_spawn(context, ask(key), asio::detached);
  context.run();
  EXPECT_EQ(runs, 2);
  context.restart();
  asio::co_spawn(context, ask(1), asio::detached);
  context.run();
  EXPECT_EQ(runs, 3);
}

TEST(SingleFlight, AnExceptionReachesEveryCallerAndEndsTheFlight) {
  constexpr int kCallers = 3;
  asio::io_context context;
  Latch latch(context);
  Flights flights;
  int runs = 0;
  int caught = 0;
  auto fail = [](Latch& until, int& count) -> Task<Result<std::string>> {
    auto waited = co_await wait_and_count(until, count);
    if (waited) throw std::runtime_error("thrown");
    co_return waited;
  };
  auto ask = [&]() -> Task<void> {
    try {
      auto value = co_await flights.run(context.get_executor(), 7, [&] { return fail(latch, runs); });
      ADD_FAILURE() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "thrown");
      ++caught;
    }
  };
  for (int i = 0; i < kCallers; ++i) asio::co_spawn(context, ask(), asio::detached);
  context.poll();
  latch.timer.cancel();
  context.run();
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(caught, kCallers);
  auto again = [&]() -> Task<void> {
    auto value = co_await flights.run(context.get_executor(), 7, [&] { return wait_and_count(latch, runs); });
    EXPECT_TRUE(value);
  };
  context.restart();
  asio::co_spawn(context, again(), asio::detached);
  context.poll();
  latch.timer.cancel();
  context.run();
  EXPECT_EQ(runs, 2);
}

TEST(SingleFlight, AContextThatEndsTakesThoseWhoWaitWithIt) {
  // Stands for a key that a waiter's frame holds.
  auto held = std::make_shared<int>(0);
  Flights flights;
  int runs = 0;
  {
    asio::io_context context;
    Latch latch(context);
    auto ask = [&](std::shared_ptr<int> mine) -> Task<void> {
      auto value = co_await flights.run(context.get_executor(), 7, [&] { return wait_and_count(latch, runs); });
      *mine += value ? 1 : 0;
    };
    for (int i = 0; i < 3; ++i) asio::co_spawn(context, ask(held), asio::detached);
    context.poll();
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(held.use_count(), 4);
  }
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_EQ(*held, 0);
}

TEST(SingleFlight, ManyThreadsManyKeys) {
  constexpr int kRounds = 2000;
  constexpr int kKeys = 5;
  asio::thread_pool pool(4);
  SingleFlight<int, Result<int>> flights;
  std::atomic<int> wrong{0};
  auto ask = [&](int key) -> Task<void> {
    auto value = co_await flights.run(pool.get_executor(), key, [key]() -> Task<Result<int>> { co_return key * 10; });
    if (!value || value.value() != key * 10) ++wrong;
  };
  for (int i = 0; i < kRounds; ++i) asio::co_spawn(pool, ask(i % kKeys), asio::detached);
  pool.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace latchkey
