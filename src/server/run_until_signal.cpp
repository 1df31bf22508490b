#include "server/run_until_signal.hpp"

#include <csignal>
#include <cstdlib>

#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
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

Task<void> reload_on_signal(IoThreads& threads, std::function<void()> reload) {
  boost::asio::signal_set signals(threads.first(), SIGHUP);
  for (;;) {
    co_await signals.async_wait(boost::asio::use_awaitable);
    reload();
  }
}

}  // namespace

void run_until_signal(IoThreads& threads, SignalHandlers handlers) {
  auto& context = threads.first();
  boost::asio::co_spawn(context, stop_on_signal(threads, std::move(handlers.stop)), boost::asio::detached);
  if (handlers.reload) {
    boost::asio::co_spawn(context, reload_on_signal(threads, std::move(handlers.reload)), boost::asio::detached);
  }
  if (handlers.ready) boost::asio::post(context, std::move(handlers.ready));
  threads.run();
}

}  // namespace latchkey::server
