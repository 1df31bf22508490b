#include "http/connect_proxy.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>

#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <fmt/format.h>

#include "base/mutex.hpp"
#include "http/listen.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

constexpr std::chrono::seconds kHeadTimeout{15};
constexpr std::uint32_t kMaxHead = 16 * 1024;
constexpr std::size_t kChunk = std::size_t{16} * 1024;
constexpr std::chrono::milliseconds kAcceptPause{50};

struct Target {
  std::string host;
  std::uint16_t port = 0;
};

// The "host:port" of a CONNECT line.
std::optional<Target> parse_target(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Target target;
  auto port = text.substr(colon + 1);
  auto [end, status] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  if (status != std::errc() || end != port.data() + port.size()) return std::nullopt;
  target.host = text.substr(0, colon);
  std::transform(target.host.begin(), target.host.end(), target.host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return target;
}

std::string refusal(std::string_view status, std::string_view extra, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\n{}content-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
                     status, extra, body.size(), body);
}

std::string response_to(ProxyVerdict verdict, const std::string& host) {
  switch (verdict) {
    case ProxyVerdict::Tunnel:
      return "HTTP/1.1 200 Connection established\r\n\r\n";
    case ProxyVerdict::UnknownName:
      return refusal("502 Bad Gateway", "Proxy-Status: latchkey; error=dns_error; rcode=\"NXDOMAIN\"\r\n",
                     fmt::format("there is no host {}\n", host));
    case ProxyVerdict::Forbidden:
      return refusal("403 Forbidden", "Proxy-Status: latchkey; error=destination_ip_prohibited\r\n",
                     fmt::format("this proxy does not serve {}; nothing leaves this machine\n", host));
  }
  return "";
}

}  // namespace

class ConnectProxy::Impl : public std::enable_shared_from_this<ConnectProxy::Impl> {
 public:
  Impl(tcp::acceptor acceptor, ConnectProxyOptions options)
      : acceptor_(std::move(acceptor)), options_(std::move(options)), port_(acceptor_.local_endpoint().port()) {}

  void start() {
    asio::co_spawn(
        acceptor_.get_executor(), [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void close() {
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->close_acceptor(); });
    close_sockets();
  }

  static Task<void> stop(std::shared_ptr<Impl> self) {
    auto closing = asio::co_spawn(self->acceptor_.get_executor(), close_acceptor_there(self), asio::use_awaitable);
    co_await std::move(closing);
    self->close_sockets();
  }

 private:
  using Socket = std::shared_ptr<tcp::socket>;

  static void close_socket(const Socket& socket) {
    asio::post(socket->get_executor(), [socket] {
      boost::system::error_code ignored;
      socket->close(ignored);
    });
  }

  void close_acceptor() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }
  static Task<void> close_acceptor_there(std::shared_ptr<Impl> self) {
    self->close_acceptor();
    co_return;
  }

  void close_sockets() {
    MutexLock lock(mutex_);
    closed_ = true;
    for (const auto& socket : sockets_) close_socket(socket);
  }

  void keep(const Socket& socket) {
    MutexLock lock(mutex_);
    sockets_.insert(socket);
    if (closed_) close_socket(socket);
  }
  void drop(const Socket& socket) {
    MutexLock lock(mutex_);
    sockets_.erase(socket);
  }

  Task<void> accept() {
    for (;;) {
      boost::system::error_code failed;
      auto socket = co_await acceptor_.async_accept(asio::make_strand(acceptor_.get_executor()),
                                                    asio::redirect_error(asio::use_awaitable, failed));
      if (!acceptor_.is_open()) co_return;
      if (failed) {
        // The process may be out of descriptors for a moment; accepting at once again would only burn time.
        asio::steady_timer pause(acceptor_.get_executor(), kAcceptPause);
        co_await pause.async_wait(asio::use_awaitable);
        continue;
      }
      auto client = std::make_shared<tcp::socket>(std::move(socket));
      keep(client);
      asio::co_spawn(client->get_executor(), serve(client),
                     [self = shared_from_this(), client](const std::exception_ptr&) { self->drop(client); });
    }
  }

  // The target of the CONNECT line; absent where the client sent something else, or nothing in time. `rest` receives
  // the bytes that came after the head.
  static Task<std::optional<Target>> read_target(Socket client, std::string& rest) {
    asio::steady_timer timer(client->get_executor(), kHeadTimeout);
    // An expired timer cannot be cancelled any more: whichever comes first decides.
    auto decided = std::make_shared<std::atomic<bool>>(false);
    timer.async_wait([client, decided](const boost::system::error_code& cancelled) {
      boost::system::error_code ignored;
      if (!cancelled && !decided->exchange(true)) client->close(ignored);
    });
    beast::flat_buffer buffer;
    beast::http::request_parser<beast::http::empty_body> parser;
    parser.header_limit(kMaxHead);
    boost::system::error_code failed;
    co_await beast::http::async_read_header(*client, buffer, parser, asio::redirect_error(asio::use_awaitable, failed));
    timer.cancel();
    bool is_late = decided->exchange(true);
    if (is_late || failed || parser.get().method() != beast::http::verb::connect) co_return std::nullopt;
    rest.assign(static_cast<const char*>(buffer.data().data()), buffer.size());
    co_return parse_target(std::string_view(parser.get().target().data(), parser.get().target().size()));
  }

  Task<void> serve(Socket client) {
    std::string rest;
    auto target = co_await read_target(client, rest);
    boost::system::error_code failed;
    if (!target) {
      auto text = refusal("405 Method Not Allowed", "allow: CONNECT\r\n", "this is a CONNECT proxy\n");
      co_await asio::async_write(*client, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
      client->shutdown(tcp::socket::shutdown_send, failed);
      co_return;
    }
    auto verdict = options_.decide(target->host, target->port);
    auto text = response_to(verdict, target->host);
    if (verdict != ProxyVerdict::Tunnel) {
      co_await asio::async_write(*client, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
      client->shutdown(tcp::socket::shutdown_send, failed);
      co_return;
    }
    auto server = std::make_shared<tcp::socket>(client->get_executor());
    tcp::endpoint endpoint(asio::ip::address_v4::loopback(), options_.target_port);
    co_await server->async_connect(endpoint, asio::redirect_error(asio::use_awaitable, failed));
    if (failed) {
      text = refusal("502 Bad Gateway", "Proxy-Status: latchkey; error=connection_refused\r\n",
                     fmt::format("nothing listens on port {} behind this proxy\n", options_.target_port));
      co_await asio::async_write(*client, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
      client->shutdown(tcp::socket::shutdown_send, failed);
      co_return;
    }
    keep(server);
    co_await asio::async_write(*client, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
    if (!failed && !rest.empty()) {
      co_await asio::async_write(*server, asio::buffer(rest), asio::redirect_error(asio::use_awaitable, failed));
    }
    asio::co_spawn(client->get_executor(), pump(client, server),
                   [self = shared_from_this(), server](const std::exception_ptr&) { self->drop(server); });
    co_await pump(server, client);
  }

  // Copies until `from` ends, then ends `to`; an error closes both.
  static Task<void> pump(Socket from, Socket to) {
    std::string chunk(kChunk, '\0');
    boost::system::error_code failed;
    while (!failed) {
      auto count =
          co_await from->async_read_some(asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, failed));
      if (failed) break;
      co_await asio::async_write(*to, asio::buffer(chunk.data(), count),
                                 asio::redirect_error(asio::use_awaitable, failed));
    }
    boost::system::error_code ignored;
    if (failed == asio::error::eof) {
      to->shutdown(tcp::socket::shutdown_send, ignored);
    } else {
      from->close(ignored);
      to->close(ignored);
    }
  }

  tcp::acceptor acceptor_;
  ConnectProxyOptions options_;
  std::uint16_t port_;
  Mutex mutex_;
  bool closed_ LATCHKEY_GUARDED_BY(mutex_) = false;
  std::set<Socket> sockets_ LATCHKEY_GUARDED_BY(mutex_);
};

ConnectProxy::ConnectProxy(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
ConnectProxy::~ConnectProxy() {
  impl_->close();
}
std::uint16_t ConnectProxy::port() const {
  return impl_->port();
}

Task<void> ConnectProxy::stop() {
  co_await Impl::stop(impl_);
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): executors are handed over by value, as Asio does.
Result<std::unique_ptr<ConnectProxy>> ConnectProxy::start(asio::any_io_executor executor, ConnectProxyOptions options) {
  LATCHKEY_TRY(auto acceptor, listen_on(asio::make_strand(executor), options.address, options.port));
  auto impl = std::make_shared<Impl>(std::move(acceptor), std::move(options));
  impl->start();
  return std::unique_ptr<ConnectProxy>(new ConnectProxy(std::move(impl)));
}

}  // namespace latchkey::http
