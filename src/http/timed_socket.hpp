// A connection's socket, and the time at which it has waited long enough. To move that time costs nothing while the new
// one is later: the timer looks at it when it fires. Internal to http/.
#pragma once

#include <chrono>
#include <memory>
#include <span>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/task.hpp"

namespace latchkey::http {

// All its functions are called on the socket's executor, one at a time.
class TimedSocket : public std::enable_shared_from_this<TimedSocket> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Then {
    Close,
    Cancel,  // ends the wait, so that something can still be sent; a second later the socket is closed
  };

  explicit TimedSocket(boost::asio::ip::tcp::socket socket);
  [[nodiscard]] boost::asio::ip::tcp::socket& get() { return socket_; }
  [[nodiscard]] boost::asio::any_io_executor executor() { return socket_.get_executor(); }

  void expires_at(TimePoint time, Then then = Then::Close);
  void expires_after(std::chrono::milliseconds time) { expires_at(std::chrono::steady_clock::now() + time); }
  void expires_never() { expires_at(TimePoint::max()); }
  // Whether the time came since it was last set.
  [[nodiscard]] bool has_expired() const { return expired_; }

  // Waits until there is something to read, or room to write; false where the time came or the socket is closed.
  [[nodiscard]] Task<bool> wait(boost::asio::ip::tcp::socket::wait_type what);
  // Reads what comes; 0 where the other side has ended, the time came or the socket is closed. `room` is not empty.
  [[nodiscard]] Task<std::size_t> read_some(std::span<char> room);
  void close();
  // Closes so that the other side learns it at once, and nothing that was sent waits for it to be read.
  void reset();

 private:
  void arm();
  void fire();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  TimePoint time_ = TimePoint::max();
  Then then_ = Then::Close;
  bool expired_ = false;
  TimePoint armed_for_ = TimePoint::max();
};

}  // namespace latchkey::http
