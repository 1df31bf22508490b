// Binding and listening, with errors that say what to do. Internal to http/.
#pragma once

#include <cstdint>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"

namespace latchkey::http {

// Invalid where `address` is no IP address; Unavailable where the port is taken or not ours to take.
[[nodiscard]] Result<boost::asio::ip::tcp::acceptor> listen_on(const boost::asio::any_io_executor& executor,
                                                               const std::string& address, std::uint16_t port);

}  // namespace latchkey::http
