#include "http/server.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "http/connection.hpp"
#include "http/listen.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr std::chrono::milliseconds kStopPoll{10};

Result<std::shared_ptr<asio::ssl::context>> make_tls(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  boost::system::error_code failed;
  context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                           asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression,
                       failed);
  context->use_certificate_chain(asio::buffer(files.certificate_pem), failed);
  if (failed) {
    return Error{ErrorCode::Invalid,
                 fmt::format("the TLS certificate cannot be read: {}; it must be PEM, leaf first", failed.message())};
  }
  context->use_private_key(asio::buffer(files.private_key_pem), asio::ssl::context::pem, failed);
  if (failed) {
    return Error{ErrorCode::Invalid,
                 fmt::format("the TLS private key cannot be read, or is not the certificate's: {}", failed.message())};
  }
  return context;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(tcp::acceptor acceptor, std::shared_ptr<ServerState> state, std::shared_ptr<asio::ssl::context> tls)
      : acceptor_(std::move(acceptor)),
        state_(std::move(state)),
        tls_(std::move(tls)),
        port_(acceptor_.local_endpoint().port()) {}

  void start() {
    asio::co_spawn(
        acceptor_.get_executor(), [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void close_acceptor() {
    state_->stopping = true;
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
      boost::system::error_code ignored;
      self->acceptor_.close(ignored);
    });
  }

  Task<void> stop(std::chrono::milliseconds grace) {
    close_acceptor();
    close_connections(false);
    auto deadline = std::chrono::steady_clock::now() + grace;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (count() > 0 && std::chrono::steady_clock::now() < deadline) {
      timer.expires_after(kStopPoll);
      co_await timer.async_wait(asio::use_awaitable);
    }
    close_connections(true);
  }

  void close_connections(bool busy_too) {
    std::lock_guard lock(mutex_);
    for (auto& [stream, busy] : connections_) {
      asio::post(stream->get_executor(), [stream = stream, busy = busy, busy_too] {
        if (busy_too || !*busy) stream->cancel();
      });
    }
  }

 private:
  using Stream = std::shared_ptr<beast::tcp_stream>;

  std::size_t count() const {
    std::lock_guard lock(mutex_);
    return connections_.size();
  }

  Task<void> accept() {
    auto executor = acceptor_.get_executor();
    while (!state_->stopping) {
      boost::system::error_code failed;
      auto socket = co_await acceptor_.async_accept(asio::make_strand(executor),
                                                    asio::redirect_error(asio::use_awaitable, failed));
      if (failed) {
        if (state_->stopping || failed == asio::error::operation_aborted) co_return;
        // Out of descriptors or the like: it passes, and a hot loop would not help it.
        asio::steady_timer pause(executor, kAcceptPause);
        co_await pause.async_wait(asio::use_awaitable);
        continue;
      }
      socket.set_option(tcp::no_delay(true), failed);
      begin(std::make_shared<beast::tcp_stream>(std::move(socket)));
    }
  }

  void begin(const Stream& stream) {
    auto busy = std::make_shared<std::atomic<bool>>(false);
    {
      std::lock_guard lock(mutex_);
      if (connections_.size() >= state_->options.max_connections) {
        asio::co_spawn(stream->get_executor(), turn_away(state_, stream, tls_ != nullptr), asio::detached);
        return;
      }
      connections_.emplace(stream, busy);
    }
    asio::co_spawn(stream->get_executor(), serve_connection(state_, stream, tls_, busy),
                   [self = shared_from_this(), stream](std::exception_ptr error) { self->ended(stream, error); });
  }

  void ended(const Stream& stream, const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      SPDLOG_ERROR("a connection ended with an exception: {}", exception.what());
    }
    std::lock_guard lock(mutex_);
    connections_.erase(stream);
  }

  static Task<void> turn_away(std::shared_ptr<ServerState> state, Stream stream, bool tls);

  tcp::acceptor acceptor_;
  std::shared_ptr<ServerState> state_;
  std::shared_ptr<asio::ssl::context> tls_;
  std::uint16_t port_;
  mutable std::mutex mutex_;
  std::map<Stream, std::shared_ptr<std::atomic<bool>>> connections_;
};

// Too many connections: over plain HTTP it is said; a TLS handshake would cost what is lacking, so there it is closed.
Task<void> Server::Impl::turn_away(std::shared_ptr<ServerState> state, Stream stream, bool tls) {
  if (tls) co_return;
  auto response = state->service.reject(Rejection::Overloaded, nullptr);
  auto text = fmt::format("HTTP/1.1 {} Overloaded\r\n", response.status);
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += fmt::format("content-length: {}\r\nconnection: close\r\n\r\n{}", response.body.size(), response.body);
  boost::system::error_code ignored;
  stream->expires_after(std::chrono::seconds(1));
  co_await asio::async_write(*stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, ignored));
  stream->socket().shutdown(tcp::socket::shutdown_both, ignored);
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->close_acceptor();
  impl_->close_connections(true);
}

std::uint16_t Server::port() const {
  return impl_->port();
}
Task<void> Server::stop(std::chrono::milliseconds grace) {
  co_await impl_->stop(grace);
}

Result<std::unique_ptr<Server>> Server::start(asio::any_io_executor executor, ServerOptions options, Service& service) {
  std::shared_ptr<asio::ssl::context> tls;
  if (options.tls) {
    LATCHKEY_TRY(tls, make_tls(*options.tls));
  }
  LATCHKEY_TRY(auto acceptor, listen_on(asio::make_strand(executor), options.address, options.port));
  auto state = std::make_shared<ServerState>(std::move(options), service);
  auto impl = std::make_shared<Impl>(std::move(acceptor), std::move(state), std::move(tls));
  impl->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace latchkey::http
