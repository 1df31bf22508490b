// The HTTP/1.1 server: Boost.Beast on Asio coroutines, one strand a connection, with or without TLS (1.2 and 1.3).
// It enforces the limits (head 16 KiB, body as the service says, time and pace of each phase, connections of each
// address, bytes of bodies), reads no body of a request that the service has not admitted by its head, answers
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
#include "http/pace.hpp"

namespace latchkey::http {

// Why the server refuses a request before or instead of the service.
enum class Rejection { Malformed, HeadTooLarge, BodyTooLarge, BodyTimeout, Overloaded, HandlerFailed, NoRoomForBody };

// What a service makes of a request's head, before a byte of the body is read.
struct Admission {
  std::optional<Response> refusal = {};  // the answer, where the body is not wanted
  bool known = true;                     // the head proves who sent it: its address may have more connections
  std::size_t body_limit = 0;            // the most bytes of body that the request may have
  std::string group = {};                // whose share of the bodies' bytes this one takes: an organisation
  std::shared_ptr<void> call = {};       // what handle() finds again as Request::admitted
};

// What a server serves. Called from many threads at once; must outlive the server.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;
  // Whether this is answered, without a body, even where the server has no room (health). Nothing else is asked of a
  // request that comes there and is not.
  [[nodiscard]] virtual bool is_vital(const RequestHead& /*head*/) const { return false; }
  // Called once the head is read; an exception is answered as Rejection::HandlerFailed.
  [[nodiscard]] virtual Task<Admission> admit(const RequestHead& head) = 0;
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
  // Of one address (a /64 of IPv6). 0: an eighth of them all until a request from there was known, then a half.
  std::size_t max_connections_per_address = 0;
  // Beyond those: so many more may send one head. What is vital is answered, the rest is told to come back.
  std::size_t max_visits = 64;
  // All connections come from a proxy's address, which says nothing of who is behind it.
  bool behind_proxy = false;
  // Over all connections; a group has half of it at most.
  std::size_t max_body_bytes_held = std::size_t{256} * 1024 * 1024;
  // For how long a body waits for its share of that.
  std::chrono::milliseconds body_patience{5'000};
  std::size_t max_head_bytes = std::size_t{16} * 1024;
  std::chrono::milliseconds head_timeout{30'000};
  Pace pace;  // of bodies and of who reads answers
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
