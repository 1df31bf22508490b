#include "http/server.hpp"

#include <map>

#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "base/log.hpp"
#include "base/mutex.hpp"
#include "crypto/random.hpp"
#include "crypto/secret.hpp"
#include "http/connection.hpp"
#include "http/listen.hpp"
#include "http/tls_context.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr std::chrono::milliseconds kStopPoll{10};
// How long the coroutines of connections that were closed after the grace have to end.
constexpr std::chrono::milliseconds kUnwind{500};
// The server closes visits beyond this number of one address, or beyond max_visits, without a word.
constexpr std::size_t kMaxVisitsOfAddress = 4;

// OpenSSL holds the key in a form of its own; the text is not needed any more.
Result<std::shared_ptr<TlsContext>> take_tls(TlsFiles files, std::shared_ptr<TicketKeys> tickets) {
  auto made = make_tls_context(files, std::move(tickets));
  crypto::wipe(files.private_key_pem);
  return made;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(tcp::acceptor acceptor, ConnectionExecutors executors, std::shared_ptr<ServerState> state,
       std::shared_ptr<TlsContext> tls)
      : acceptor_(std::move(acceptor)),
        executors_(std::move(executors)),
        state_(std::move(state)),
        port_(acceptor_.local_endpoint().port()),
        tls_(std::move(tls)),
        room_(ConnectionRoom::create(room_of(state_->options))),
        visits_(ConnectionRoom::create(visits_of(state_->options))) {}

  void start() {
    asio::co_spawn(
        acceptor_.get_executor(), [self = shared_from_this()] { return self->accept(); }, asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  void close_acceptor() {
    state_->stopping = true;
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->close_acceptor_here(); });
  }

  static Task<void> stop(std::shared_ptr<Impl> self, std::chrono::milliseconds grace) {
    self->state_->stopping = true;
    auto closing = asio::co_spawn(self->acceptor_.get_executor(), close_acceptor_there(self), asio::use_awaitable);
    co_await std::move(closing);
    co_await self->drain(grace, false);
    if (self->count() > 0) co_await self->drain(kUnwind, true);
  }

  Result<void> renew_certificate(TlsFiles files) {
    auto old = tls();
    if (!old) return Error{ErrorCode::Invalid, "the server began without TLS"};
    LATCHKEY_TRY(auto renewed, take_tls(std::move(files), old->tickets));
    MutexLock lock(mutex_);
    tls_ = std::move(renewed);
    return success();
  }

  // Closes the connections that wait for a request; with `busy_too`, all of them.
  void close_connections(bool busy_too) {
    MutexLock lock(mutex_);
    for (auto& [socket, guest] : connections_) {
      asio::post(socket->executor(), [socket = socket, guest = guest, busy_too] {
        if (busy_too || !guest->busy) socket->close();
      });
    }
  }

 private:
  using Socket = std::shared_ptr<TimedSocket>;

  std::shared_ptr<TlsContext> tls() const {
    MutexLock lock(mutex_);
    return tls_;
  }

  std::size_t count() const {
    MutexLock lock(mutex_);
    return connections_.size();
  }

  void close_acceptor_here() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }
  static Task<void> close_acceptor_there(std::shared_ptr<Impl> self) {
    self->close_acceptor_here();
    co_return;
  }

  // Waits until no connection is left, for `timeout` at most. It closes again and again, because another connection may
  // have become idle meanwhile.
  Task<void> drain(std::chrono::milliseconds timeout, bool busy_too) {
    auto deadline = std::chrono::steady_clock::now() + timeout;
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (count() > 0) {
      close_connections(busy_too);
      if (std::chrono::steady_clock::now() >= deadline) co_return;
      timer.expires_after(kStopPoll);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  Task<void> accept() {
    auto executor = acceptor_.get_executor();
    while (!state_->stopping) {
      boost::system::error_code failed;
      auto socket =
          co_await acceptor_.async_accept(executors_.next(), asio::redirect_error(asio::use_awaitable, failed));
      if (!failed) failed = begin(std::move(socket));
      if (!failed) continue;
      if (state_->stopping || failed == asio::error::operation_aborted) co_return;
      // The process may be out of descriptors or memory for a moment; accepting at once again would only burn time.
      asio::steady_timer pause(executor, kAcceptPause);
      co_await pause.async_wait(asio::use_awaitable);
    }
  }

  static ConnectionLimits room_of(const ServerOptions& options) {
    if (options.behind_proxy) return ConnectionLimits::without_addresses(options.max_connections);
    if (options.max_connections_per_address == 0) return ConnectionLimits::of(options.max_connections);
    return ConnectionLimits::of(options.max_connections, options.max_connections_per_address);
  }

  static ConnectionLimits visits_of(const ServerOptions& options) {
    auto limits = ConnectionLimits::without_addresses(options.max_visits);
    if (!options.behind_proxy) limits.of_unknown_address = kMaxVisitsOfAddress;
    return limits;
  }

  // Throws nothing: whatever one connection brings, the server must go on accepting.
  boost::system::error_code begin(tcp::socket socket) {
    try {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      auto address = socket.remote_endpoint(ignored).address();
      auto timed = std::make_shared<TimedSocket>(std::move(socket));
      auto guest = std::make_shared<Guest>();
      auto now = std::chrono::steady_clock::now();
      guest->place =
          room_->enter(address, now, [timed] { asio::post(timed->executor(), [timed] { timed->close(); }); });
      std::shared_ptr<ConnectionRoom::Place> visit;
      if (!guest->place) {
        visit = visits_->enter(address, now, [] {});
        if (!visit) return {};
        visit->set_idle(false);
      }
      hold(timed, guest);
      asio::co_spawn(
          timed->executor(), serve_connection(state_, timed, tls(), guest),
          [self = shared_from_this(), timed, visit](const std::exception_ptr& error) { self->ended(timed, error); });
      return {};
    } catch (const std::exception& error) {
      SPDLOG_ERROR("the server could not accept a connection: {}", error.what());
      return asio::error::no_memory;
    }
  }

  void hold(const Socket& socket, const std::shared_ptr<Guest>& guest) {
    MutexLock lock(mutex_);
    connections_.emplace(socket, guest);
  }

  void ended(const Socket& socket, const std::exception_ptr& error) {
    {
      MutexLock lock(mutex_);
      connections_.erase(socket);
    }
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      SPDLOG_ERROR("a connection ended with an exception: {}", exception.what());
    } catch (...) {
      SPDLOG_ERROR("a connection ended with an unknown exception");
    }
  }

  tcp::acceptor acceptor_;
  ConnectionExecutors executors_;
  std::shared_ptr<ServerState> state_;
  std::uint16_t port_;
  mutable Mutex mutex_;
  std::shared_ptr<TlsContext> tls_ LATCHKEY_GUARDED_BY(mutex_);  // null without TLS
  std::map<Socket, std::shared_ptr<Guest>> connections_ LATCHKEY_GUARDED_BY(mutex_);
  std::shared_ptr<ConnectionRoom> room_;
  std::shared_ptr<ConnectionRoom> visits_;
};

ConnectionExecutors::ConnectionExecutors(IoThreads& threads) : threads_(&threads) {}
ConnectionExecutors::ConnectionExecutors(asio::any_io_executor executor) : executor_(std::move(executor)) {}

asio::any_io_executor ConnectionExecutors::next() const {
  if (threads_ != nullptr) return threads_->next().get_executor();
  // A strand of any_io_executor would take memory for each of its steps.
  if (const auto* of_context = executor_.target<asio::io_context::executor_type>()) {
    return asio::make_strand(*of_context);
  }
  return asio::make_strand(executor_);
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() {
  impl_->close_acceptor();
  impl_->close_connections(true);
}

std::uint16_t Server::port() const {
  return impl_->port();
}
Result<void> Server::renew_certificate(TlsFiles files) {
  return impl_->renew_certificate(std::move(files));
}
Task<void> Server::stop(std::chrono::milliseconds grace) {
  co_await Impl::stop(impl_, grace);
}

Result<std::unique_ptr<Server>> Server::start(ConnectionExecutors executors, ServerOptions options, Service& service) {
  std::shared_ptr<TlsContext> tls;
  if (options.tls) {
    static crypto::SystemRandom random;
    LATCHKEY_TRY(tls, take_tls(std::move(*options.tls), std::make_shared<TicketKeys>(random)));
    options.tls.reset();
  }
  LATCHKEY_TRY(auto acceptor, listen_on(executors.next(), options.address, options.port));
  auto bodies = BodyBudget::create({.total = options.max_body_bytes_held, .timeout = options.body_wait});
  auto state = std::make_shared<ServerState>(std::move(options), service, std::move(bodies));
  auto impl = std::make_shared<Impl>(std::move(acceptor), std::move(executors), std::move(state), std::move(tls));
  impl->start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace latchkey::http
