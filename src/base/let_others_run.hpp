// For work that would hold a thread for longer than a request should wait.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/task.hpp"

namespace latchkey {

// Everything else that is ready on the caller's executor runs first.
inline Task<void> let_others_run() {
  auto executor = co_await boost::asio::this_coro::executor;
  co_await boost::asio::post(executor, boost::asio::use_awaitable);
}

}  // namespace latchkey
