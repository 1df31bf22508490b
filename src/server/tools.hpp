// What each piece of the server is built with.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/io_threads.hpp"
#include "base/random.hpp"
#include "server/config.hpp"

namespace latchkey::server {

// All references outlive the server.
struct ServerTools {
  const ServerConfig& config;
  IoThreads& threads;
  boost::asio::any_io_executor executor;  // of the first of these threads
  const Clock& clock;
  RandomSource& random;
};

}  // namespace latchkey::server
