// One connection of the server, from the first byte to the close: the path of every request through the server, in one
// file. Internal to http/.
#pragma once

#include <atomic>
#include <memory>

#include "http/body_budget.hpp"
#include "http/connection_room.hpp"
#include "http/server.hpp"
#include "http/timed_socket.hpp"
#include "http/tls_context.hpp"

namespace latchkey::http {

// What a connection needs of its server. Thread-safe.
struct ServerState {
  ServerOptions options;
  Service& service;
  std::shared_ptr<BodyBudget> bodies;
  std::atomic<bool> stopping{false};
};

// What the server knows of a connection.
struct Guest {
  std::atomic<bool> busy{false};  // a request is in progress: the server lets it finish when it stops
  // Null for a connection that came when every place was taken: it may send one request without a body, gets a response
  // only if that request is vital (Service::is_vital), and is closed.
  std::unique_ptr<ConnectionRoom::Place> place;
};

// Serves requests until the client or the server closes the connection. Runs on the socket's executor. `tls`: null
// without TLS.
[[nodiscard]] Task<void> serve_connection(std::shared_ptr<ServerState> state, std::shared_ptr<TimedSocket> socket,
                                          std::shared_ptr<TlsContext> tls, std::shared_ptr<Guest> guest);

}  // namespace latchkey::http
