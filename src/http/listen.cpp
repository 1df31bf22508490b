#include "http/listen.hpp"

#include <fmt/format.h>

namespace latchkey::http {

namespace asio = boost::asio;
using asio::ip::tcp;

Result<tcp::acceptor> listen_on(const asio::any_io_executor& executor, const std::string& address, std::uint16_t port) {
  boost::system::error_code failed;
  auto ip = asio::ip::make_address(address, failed);
  if (failed) return Error{ErrorCode::Invalid, fmt::format("\"{}\" is not an IP address to listen on", address)};
  tcp::endpoint endpoint(ip, port);
  tcp::acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) {
    return Error{ErrorCode::Unavailable,
                 fmt::format("cannot listen on {}:{}: {}; stop what is there, or choose another "
                             "port (0 takes any free one)",
                             address, port, failed.message())};
  }
  return acceptor;
}

}  // namespace latchkey::http
