#include "server/run_until_signal.hpp"

#include <csignal>
#include <cstdlib>

#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>

#include "base/log.hpp"

namespace latchkey::server {

namespace {

constexpr int kSignalExitBase = 128;

Task<void> stop_on_signal(IoThreads& threads, std::function<Task<void>()> stop) {
  boost::asio::signal_set signals(threads.first(), SIGINT, SIGTERM);
  co_await signals.async_wait(boost::asio::use_awaitable);
  SPDLOG_INFO("the server stops once it has finished the running requests; a second signal ends it at once");
  signals.async_wait([](const boost::system::error_code& failed, int number) {
    if (!failed) std::_Exit(kSignalExitBase + number);
  });
  co_await stop();
  threads.stop();
}

}  // namespace

void run_until_signal(IoThreads& threads, std::function<Task<void>()> stop) {
  boost::asio::co_spawn(threads.first(), stop_on_signal(threads, std::move(stop)), boost::asio::detached);
  threads.run();
}

}  // namespace latchkey::server
