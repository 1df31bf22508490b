#include "server/run_until_signal.hpp"

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/log.hpp"

namespace latchkey::server {

namespace {

constexpr int kSignalExitBase = 128;

Task<void> stop_on_signal(boost::asio::io_context& context, std::function<Task<void>()> stop) {
  boost::asio::signal_set signals(context, SIGINT, SIGTERM);
  co_await signals.async_wait(boost::asio::use_awaitable);
  SPDLOG_INFO("the server stops once it has finished the running requests; a second signal ends it at once");
  signals.async_wait([](const boost::system::error_code& failed, int number) {
    if (!failed) std::_Exit(kSignalExitBase + number);
  });
  co_await stop();
  context.stop();
}

}  // namespace

void run_until_signal(boost::asio::io_context& context, unsigned threads, std::function<Task<void>()> stop) {
  boost::asio::co_spawn(context, stop_on_signal(context, std::move(stop)), boost::asio::detached);
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back([&context] { context.run(); });
  context.run();
  for (auto& thread : others) thread.join();
}

}  // namespace latchkey::server
