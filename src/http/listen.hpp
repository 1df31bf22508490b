// Binds and listens; its errors say what to do. Internal to http/.
#pragma once

#include <cstdint>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"

namespace latchkey::http {

// Invalid where `address` is no IP address; Unavailable where the port is taken or this process may not listen on it.
[[nodiscard]] Result<boost::asio::ip::tcp::acceptor> listen_on(const boost::asio::any_io_executor& executor,
                                                               const std::string& address, std::uint16_t port);

}  // namespace latchkey::http
