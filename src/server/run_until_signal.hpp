// Runs a server's threads until SIGINT or SIGTERM, then stops it in good order; a second signal ends it at once.
#pragma once

#include <functional>

#include "base/io_threads.hpp"
#include "base/task.hpp"

namespace latchkey::server {

struct SignalHandlers {
  std::function<Task<void>()> stop;   // once, after the first signal
  std::function<void()> reload = {};  // after each SIGHUP; empty: that ends the program, as by default
  std::function<void()> ready = {};   // once, when every signal has its handler
};

// Blocks. This thread is one of `threads`; the handlers run on their first context.
void run_until_signal(IoThreads& threads, SignalHandlers handlers);

}  // namespace latchkey::server
