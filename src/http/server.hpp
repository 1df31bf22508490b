// The HTTP/1.1 server, on Asio coroutines, with or without TLS (1.2 and 1.3). connection.cpp is a request's way. It
// enforces the limits (head 16 KiB, body as the service says, time and pace of each phase, connections of each address,
// bytes of bodies), reads a body only after the service has admitted the request by its head, responds to "Expect:
// 100-continue", keeps connections alive, and lets running requests finish when it stops.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/id.hpp"
#include "base/io_threads.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "http/message.hpp"
#include "http/pace.hpp"

namespace latchkey::http {

// Why the server refuses a request before or instead of the service.
enum class Rejection { Malformed, HeadTooLarge, BodyTooLarge, BodyTimeout, Overloaded, HandlerFailed, NoRoomForBody };

// What a service decides about a request from its head, before a byte of the body is read.
struct Admission {
  std::optional<Response> refusal = {};  // the response, where the service does not want the body
  bool known = true;                     // the head proves who sent the request: that address may have more connections
  std::size_t body_limit = 0;            // the largest body of the request, in bytes
  std::size_t room_behind_body = 0;      // so many bytes can be appended to a body of known length without a copy
  Uuid group = {};                       // the organisation whose part of the bytes for bodies this body takes
  std::shared_ptr<void> call = {};       // what handle() receives as Request::admitted
};

// What a server serves. The server calls it from many threads at once; it must outlive the server.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;
  // Whether this request gets its response even where the server has no room for its connection (health checks). It is
  // served without a body. The server refuses every other request there without asking the service more.
  [[nodiscard]] virtual bool is_vital(const RequestHead& /*head*/) const { return false; }
  // Called once the head is read. If it throws, the client receives Rejection::HandlerFailed.
  [[nodiscard]] virtual Task<Admission> admit(const RequestHead& head) = 0;
  // The server keeps the request until the response is sent; the service may take out of it what it needs.
  [[nodiscard]] virtual Task<Response> handle(Request& request) = 0;
  // Renders a refusal in the service's own form. `head` is what the server understood of the request; null where it
  // understood nothing. The server closes the connection afterwards, except for HandlerFailed (`handle` threw an
  // exception, which the server has logged).
  [[nodiscard]] virtual Response reject(Rejection why, const RequestHead* head) const = 0;
};

struct TlsFiles {
  std::string certificate_pem;  // the texts, not paths; the chain, leaf first
  std::string private_key_pem;
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::optional<TlsFiles> tls;
  std::size_t max_connections = 4096;
  // For one address (a /64 of IPv6). 0: an eighth of all connections for an unknown address, a half for a known one
  // (connection_room.hpp).
  std::size_t max_connections_per_address = 0;
  // Beyond max_connections, this many more may send one request. A vital one gets its response, the others are told to
  // come back.
  std::size_t max_visits = 64;
  // All connections come from a proxy's address, which does not say who is behind it.
  bool behind_proxy = false;
  // Over all connections; one group holds half of it at most (body_budget.hpp).
  std::size_t max_body_bytes_held = std::size_t{256} * 1024 * 1024;
  // How long a body waits for its part of those bytes.
  std::chrono::milliseconds body_wait{5'000};
  std::size_t max_head_bytes = std::size_t{16} * 1024;
  std::chrono::milliseconds head_timeout{30'000};
  Pace pace;  // of bodies that arrive, and of clients that read responses
  std::chrono::milliseconds idle_timeout{75'000};
  // A connection that waits for a request for so long gives most of its memory back.
  std::chrono::milliseconds rest_after{1'000};
  std::string server_name = "latchkey";  // the Server header; empty sends none
};

// Where connections are served: each runs on an executor that runs one thing at a time.
class ConnectionExecutors {
 public:
  // Each connection on one of these threads, in turn. They outlive every server on them.
  ConnectionExecutors(IoThreads& threads);  // NOLINT(google-explicit-constructor): the usual way
  // Any number of threads may run the executor's context: each connection gets a strand.
  ConnectionExecutors(boost::asio::any_io_executor executor);                  // NOLINT(google-explicit-constructor)
  ConnectionExecutors(const boost::asio::io_context::executor_type& executor)  // NOLINT(google-explicit-constructor)
      : ConnectionExecutors(boost::asio::any_io_executor(executor)) {}
  // For one connection. Thread-safe.
  [[nodiscard]] boost::asio::any_io_executor next() const;

 private:
  IoThreads* threads_ = nullptr;
  boost::asio::any_io_executor executor_;
};

class Server {
 public:
  // Binds and listens, and begins to accept. Unavailable where the port is taken (the message names it
  // and says how to choose another); Invalid where the address, certificate or key cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(ConnectionExecutors executors, ServerOptions options,
                                                             Service& service);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] std::uint16_t port() const;
  // New connections get this certificate; those that are open keep theirs. Invalid, and nothing changes, where it
  // cannot be read, or the server began without TLS. Thread-safe.
  [[nodiscard]] Result<void> renew_certificate(TlsFiles files);
  // Stops accepting, closes idle connections, and returns when the running requests have finished; after `grace` it
  // closes those that have not. The executor's context must be running.
  Task<void> stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::http
