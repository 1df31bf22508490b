// Runs a server's context until SIGINT or SIGTERM, then stops it in good order; a second signal ends it at once.
#pragma once

#include <functional>

#include <boost/asio/io_context.hpp>

#include "base/task.hpp"

namespace latchkey::server {

// Blocks. `threads` run the context, this one among them; `stop` runs once, on it, after the first signal.
void run_until_signal(boost::asio::io_context& context, unsigned threads, std::function<Task<void>()> stop);

}  // namespace latchkey::server
