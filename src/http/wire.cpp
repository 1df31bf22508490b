#include "http/wire.hpp"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/write.hpp>

#include "base/log.hpp"
#include "http/field_text.hpp"
#include "http/request_target.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;

constexpr unsigned kHttp11 = 11;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::size_t count_fields(const RequestHead& head, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(head.headers.begin(), head.headers.end(), [&](const auto& field) {
    return boost::beast::iequals(field.first, name);
  }));
}

// Refuses heads that Beast accepts and another HTTP reader in front of us may read differently: such heads smuggle
// requests (RFC 9112 sections 3.2, 6.1 and 6.3).
bool unambiguous(const RequestHead& head, unsigned version) {
  auto hosts = count_fields(head, "host");
  if (hosts > 1 || (hosts == 0 && version >= kHttp11)) return false;
  auto lengths = count_fields(head, "content-length");
  auto encodings = count_fields(head, "transfer-encoding");
  if (lengths + encodings > 1) return false;
  if (encodings == 0) return true;
  return version >= kHttp11 && boost::beast::iequals(head.headers.get("transfer-encoding"), "chunked");
}

}  // namespace

std::optional<Request> read_head(const RequestParser& parser, const asio::ip::tcp::socket& socket, bool tls) {
  const auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  auto target = read_target(request.method, {message.target().data(), message.target().size()});
  if (!target) return std::nullopt;
  request.path = std::move(target->path);
  request.raw_query = std::move(target->query);
  auto query = parse_query(request.raw_query);
  if (!query) return std::nullopt;
  request.query = std::move(query).value();
  for (const auto& field : message) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  if (!unambiguous(request, message.version())) return std::nullopt;
  // RFC 9112 section 3.2.2: the target's host counts, and replaces the Host header.
  if (!target->authority.empty()) request.headers.set("host", target->authority);
  request.host = lower(request.headers.get("host"));
  boost::system::error_code ignored;
  request.client_address = socket.remote_endpoint(ignored).address();
  request.local_port = socket.local_endpoint(ignored).port();
  request.tls = tls;
  return request;
}

BeastResponse to_beast(Response response, const ServerOptions& options, bool head_only, bool keep_alive) {
  BeastResponse message;
  message.version(kHttp11);
  message.result(response.status);
  for (const auto& [name, value] : response.headers) {
    if (is_field_name(name) && is_field_value(value)) {
      message.insert(name, value);
    } else {
      SPDLOG_ERROR("the server left a header out of a response: its name or value cannot be sent");
    }
  }
  if (!options.server_name.empty() && message.find(bhttp::field::server) == message.end()) {
    message.set(bhttp::field::server, options.server_name);
  }
  message.keep_alive(keep_alive);
  bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) message.content_length(response.body.size());
  if (!head_only && !bodiless) message.body() = std::move(response.body);
  return message;
}

std::string head_text(const BeastResponse& message) {
  std::ostringstream text;
  text << message.base();
  return std::move(text).str();
}

}  // namespace latchkey::http
