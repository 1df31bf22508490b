// Converts between Beast's messages and ours. Internal to http/.
#pragma once

#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/server.hpp"

namespace latchkey::http {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;
using BeastResponse = boost::beast::http::response<boost::beast::http::string_body>;

// Null where the target is malformed, its query does not decode, or another HTTP reader could read the head
// differently.
[[nodiscard]] std::optional<Request> read_head(const RequestParser& parser, const boost::asio::ip::tcp::socket& socket,
                                               bool tls);
[[nodiscard]] BeastResponse to_beast(Response response, const ServerOptions& options, bool head_only, bool keep_alive);
// The status line and the header fields, as they go over the wire.
[[nodiscard]] std::string head_text(const BeastResponse& message);

}  // namespace latchkey::http
