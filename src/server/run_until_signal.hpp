// Runs a server's threads until SIGINT or SIGTERM, then stops it in good order; a second signal ends it at once.
#pragma once

#include <functional>

#include "base/io_threads.hpp"
#include "base/task.hpp"

namespace latchkey::server {

// Blocks. This thread is one of `threads`; `stop` runs once, on their first context, after the first signal.
void run_until_signal(IoThreads& threads, std::function<Task<void>()> stop);

}  // namespace latchkey::server
