// One connection of the server, from the first byte to the close. Internal to http/.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "http/server.hpp"

namespace latchkey::http {

// What a connection needs of its server. Thread-safe.
struct ServerState {
  ServerOptions options;
  Service& service;
  std::atomic<bool> stopping{false};
};

// Serves requests until either side ends it. `busy` is true while a request is being answered, for the server's stop.
[[nodiscard]] Task<void> serve_connection(std::shared_ptr<ServerState> state,
                                          std::shared_ptr<boost::beast::tcp_stream> stream,
                                          std::shared_ptr<boost::asio::ssl::context> tls,
                                          std::shared_ptr<std::atomic<bool>> busy);

}  // namespace latchkey::http
