#include "http/timed_socket.hpp"

#include <boost/asio/redirect_error.hpp>

namespace latchkey::http {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kCloseAfterCancel{1};

}  // namespace

TimedSocket::TimedSocket(asio::ip::tcp::socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
}

void TimedSocket::expires_at(TimePoint time, Then then) {
  time_ = time;
  then_ = then;
  expired_ = false;
  if (time_ < armed_for_) arm();
}

void TimedSocket::arm() {
  armed_for_ = time_;
  timer_.expires_at(time_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& failed) {
    if (failed) return;
    if (auto self = weak.lock()) self->fire();
  });
}

void TimedSocket::fire() {
  armed_for_ = TimePoint::max();
  if (time_ == TimePoint::max() || !socket_.is_open()) return;
  if (std::chrono::steady_clock::now() < time_) {
    arm();
    return;
  }
  if (then_ == Then::Close) {
    close();
    expired_ = true;
    return;
  }
  expires_at(time_ + kCloseAfterCancel);
  expired_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<bool> TimedSocket::wait(asio::ip::tcp::socket::wait_type what) {
  boost::system::error_code failed;
  if (expired_ || !socket_.is_open()) co_return false;
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, failed));
  co_return !failed && !expired_;
}

Task<std::size_t> TimedSocket::read_some(std::span<char> room) {
  boost::system::error_code failed;
  if (expired_ || !socket_.is_open()) co_return 0;
  // Asio remembers that the last read left nothing, and then waits without asking: two system calls less than to ask,
  // and to wait with wait().
  auto bytes = co_await socket_.async_read_some(asio::buffer(room.data(), room.size()),
                                                asio::redirect_error(asio::use_awaitable, failed));
  co_return failed ? 0 : bytes;
}

void TimedSocket::reset() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void TimedSocket::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  armed_for_ = time_ = TimePoint::max();
}

}  // namespace latchkey::http
