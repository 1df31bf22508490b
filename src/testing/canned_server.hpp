// A server that reads a head on each connection, sends the same bytes whatever was asked, and closes: for responses
// that no correct server sends. Test code only.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include "base/task.hpp"

namespace latchkey::http::testing {

class CannedServer {
 public:
  // The context must outlive it, and must have stopped before it is destroyed.
  CannedServer(boost::asio::io_context& context, std::string response)
      : acceptor_(std::make_shared<Acceptor>(context, Endpoint(boost::asio::ip::address_v4::loopback(), 0))),
        port_(acceptor_->local_endpoint().port()) {
    boost::asio::co_spawn(context, serve(acceptor_, seen_, std::move(response)), boost::asio::detached);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The head of the latest request that got its response; do not call it while another is in progress.
  [[nodiscard]] std::string head() const { return *seen_; }

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  static Task<void> serve(std::shared_ptr<Acceptor> acceptor, std::shared_ptr<std::string> seen, std::string response) {
    for (;;) {
      boost::system::error_code failed;
      auto socket = co_await acceptor->async_accept(boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      if (failed) co_return;
      std::string head;
      co_await boost::asio::async_read_until(socket, boost::asio::dynamic_buffer(head), "\r\n\r\n",
                                             boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      *seen = head;
      co_await boost::asio::async_write(socket, boost::asio::buffer(response),
                                        boost::asio::redirect_error(boost::asio::use_awaitable, failed));
      socket.shutdown(boost::asio::ip::tcp::socket::shutdown_send, failed);
      std::string rest;
      co_await boost::asio::async_read(socket, boost::asio::dynamic_buffer(rest),
                                       boost::asio::redirect_error(boost::asio::use_awaitable, failed));
    }
  }

  std::shared_ptr<Acceptor> acceptor_;
  std::shared_ptr<std::string> seen_ = std::make_shared<std::string>();
  std::uint16_t port_;
};

}  // namespace latchkey::http::testing
