// The HTTP/1.1 server: Boost.Beast on Asio coroutines, one strand a connection, with or without TLS (1.2 and 1.3).
// It enforces the limits (head 16 KiB, body as the service says, time for each phase, connections), answers
// "Expect: 100-continue", keeps connections alive, and stops by letting running requests finish.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/result.hpp"
#include "base/task.hpp"
#include "http/message.hpp"

namespace latchkey::http {

// Why the server refuses a request before or instead of the service.
enum class Rejection { Malformed, HeadTooLarge, BodyTooLarge, BodyTimeout, Overloaded, HandlerFailed };

// What a server serves. Called from many threads at once; must outlive the server.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;
  // The most bytes of body that this request may have. Called once the head is read.
  [[nodiscard]] virtual std::size_t body_limit(const RequestHead& head) const = 0;
  [[nodiscard]] virtual Task<Response> handle(Request request) = 0;
  // Renders a refusal in the service's own form. `head` is what was understood of the request; null where nothing was.
  // The server closes the connection afterwards, except for HandlerFailed (an exception left `handle`; it was logged).
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
  std::size_t max_head_bytes = std::size_t{16} * 1024;
  std::chrono::milliseconds head_timeout{30'000};
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::string server_name = "latchkey";  // the Server header; empty sends none
};

class Server {
 public:
  // Binds and listens, and begins to accept on `executor`. Unavailable where the port is taken (the message names it
  // and says how to choose another); Invalid where the address, certificate or key cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(boost::asio::any_io_executor executor,
                                                             ServerOptions options, Service& service);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] std::uint16_t port() const;
  // Stops accepting, closes idle connections, and returns when running requests have been answered, or after `grace`
  // by closing them. The executor's context must be running.
  Task<void> stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::http
