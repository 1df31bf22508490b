#include "http/connection.hpp"

#include <algorithm>
#include <cctype>

#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "base/log.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr std::chrono::seconds kWriteTimeout{60};
constexpr std::chrono::seconds kHandshakeTimeout{10};
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::size_t kLingerBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kLingerChunk = 64 * 1024;

using RequestParser = bhttp::request_parser<bhttp::string_body>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Null where the target is not a path or its query does not decode.
std::optional<Request> read_head(const RequestParser& parser, const asio::ip::tcp::socket& socket, bool tls) {
  const auto& message = parser.get();
  Request request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  if (!target.starts_with('/')) return std::nullopt;
  auto question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
  auto query = parse_query(request.raw_query);
  if (!query) return std::nullopt;
  request.query = std::move(query).value();
  for (const auto& field : message) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  request.host = lower(request.headers.get("host"));
  boost::system::error_code ignored;
  request.client_address = socket.remote_endpoint(ignored).address();
  request.local_port = socket.local_endpoint(ignored).port();
  request.tls = tls;
  return request;
}

bhttp::response<bhttp::string_body> to_beast(Response response, const ServerOptions& options, bool head_only,
                                             bool keep_alive) {
  bhttp::response<bhttp::string_body> message;
  message.version(11);
  message.result(response.status);
  for (const auto& [name, value] : response.headers) message.insert(name, value);
  if (!options.server_name.empty() && message.find(bhttp::field::server) == message.end()) {
    message.set(bhttp::field::server, options.server_name);
  }
  message.keep_alive(keep_alive);
  bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) message.content_length(response.body.size());
  if (!head_only && !bodiless) message.body() = std::move(response.body);
  return message;
}

// The part that is the same with and without TLS.
template <class Stream>
class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, Stream& stream, beast::tcp_stream& lowest, bool tls,
             std::shared_ptr<std::atomic<bool>> busy)
      : state_(std::move(state)), stream_(stream), lowest_(lowest), tls_(tls), busy_(std::move(busy)) {}

  Task<void> serve() {
    bool first = true;
    for (;;) {
      bool keep = co_await serve_request(first);
      if (!keep) co_return;
      first = false;
    }
  }

 private:
  const ServerOptions& options() const { return state_->options; }

  Task<bool> serve_request(bool first) {
    RequestParser parser;
    parser.header_limit(static_cast<std::uint32_t>(options().max_head_bytes));
    parser.body_limit(boost::none);
    beast::error_code failed;
    *busy_ = false;
    lowest_.expires_after(first ? options().head_timeout : options().idle_timeout);
    co_await bhttp::async_read_header(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
    *busy_ = true;
    if (failed) {
      co_await refuse_head(failed);
      co_return false;
    }
    auto head = read_head(parser, lowest_.socket(), tls_);
    if (!head) {
      co_await refuse(Rejection::Malformed, nullptr);
      co_return false;
    }
    bool readable = co_await read_body(parser, *head);
    if (!readable) co_return false;
    head->body = std::move(parser.get().body());
    co_return co_await answer(std::move(*head), parser.get().keep_alive());
  }

  Task<void> refuse_head(beast::error_code failed) {
    bool spoken = failed.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
                  failed != bhttp::error::end_of_stream && failed != bhttp::error::partial_message;
    if (!spoken) co_return;
    auto why = failed == bhttp::error::header_limit ? Rejection::HeadTooLarge : Rejection::Malformed;
    co_await refuse(why, nullptr);
  }

  Task<bool> read_body(RequestParser& parser, const RequestHead& head) {
    // Two ways of telling the length at once is how requests are smuggled (RFC 9112 section 6.1).
    if (head.headers.has("transfer-encoding") && head.headers.has("content-length")) {
      co_await refuse(Rejection::Malformed, &head);
      co_return false;
    }
    auto limit = state_->service.body_limit(head);
    if (auto length = parser.content_length(); length && *length > limit) {
      co_await refuse(Rejection::BodyTooLarge, &head);
      co_return false;
    }
    parser.body_limit(limit);
    beast::error_code failed;
    lowest_.expires_after(options().body_timeout);
    if (!parser.is_done() && lower(head.headers.get("expect")) == "100-continue") {
      bhttp::response<bhttp::empty_body> proceed(bhttp::status::continue_, 11);
      co_await bhttp::async_write(stream_, proceed, asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return false;
    }
    if (!parser.is_done()) {
      co_await bhttp::async_read(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
    }
    if (!failed) co_return true;
    if (failed == bhttp::error::body_limit) {
      co_await refuse(Rejection::BodyTooLarge, &head);
    } else if (failed == beast::error::timeout) {
      co_await refuse(Rejection::BodyTimeout, &head);
    } else if (failed.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
               failed != bhttp::error::partial_message && failed != bhttp::error::end_of_stream) {
      co_await refuse(Rejection::Malformed, &head);
    }
    co_return false;
  }

  Task<bool> answer(Request request, bool keep_alive) {
    bool head_only = request.method == "HEAD";
    RequestHead head = request;
    std::optional<Response> response;
    try {
      response = co_await state_->service.handle(std::move(request));
    } catch (const std::exception& error) {
      SPDLOG_ERROR("an exception left the handler of {} {}: {}", head.method, head.path, error.what());
    }
    if (!response) response = state_->service.reject(Rejection::HandlerFailed, &head);
    keep_alive = keep_alive && !state_->stopping;
    co_return co_await write(std::move(*response), head_only, keep_alive) && keep_alive;
  }

  Task<bool> write(Response response, bool head_only, bool keep_alive) {
    auto message = to_beast(std::move(response), options(), head_only, keep_alive);
    bhttp::response_serializer<bhttp::string_body> serializer(message);
    beast::error_code failed;
    lowest_.expires_after(kWriteTimeout);
    if (head_only) {
      co_await bhttp::async_write_header(stream_, serializer, asio::redirect_error(asio::use_awaitable, failed));
    } else {
      co_await bhttp::async_write(stream_, serializer, asio::redirect_error(asio::use_awaitable, failed));
    }
    co_return !failed;
  }

  // Says no, then reads on for a moment: closing with unread bytes would reset the connection under the answer.
  Task<void> refuse(Rejection why, const RequestHead* head) {
    bool head_only = head != nullptr && head->method == "HEAD";
    bool written = co_await write(state_->service.reject(why, head), head_only, false);
    if (!written) co_return;
    beast::error_code failed;
    if (!tls_) lowest_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, failed);
    lowest_.expires_after(kLingerTimeout);
    std::string scratch(kLingerChunk, '\0');
    for (std::size_t read = 0; read < kLingerBytes && !failed;) {
      read +=
          co_await stream_.async_read_some(asio::buffer(scratch), asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  std::shared_ptr<ServerState> state_;
  Stream& stream_;
  beast::tcp_stream& lowest_;
  bool tls_;
  std::shared_ptr<std::atomic<bool>> busy_;
  beast::flat_buffer buffer_;
};

}  // namespace

Task<void> serve_connection(std::shared_ptr<ServerState> state, std::shared_ptr<beast::tcp_stream> stream,
                            std::shared_ptr<asio::ssl::context> tls, std::shared_ptr<std::atomic<bool>> busy) {
  beast::error_code failed;
  if (!tls) {
    Connection<beast::tcp_stream> connection(state, *stream, *stream, false, busy);
    co_await connection.serve();
    stream->socket().shutdown(asio::ip::tcp::socket::shutdown_both, failed);
    co_return;
  }
  asio::ssl::stream<beast::tcp_stream&> secure(*stream, *tls);
  stream->expires_after(kHandshakeTimeout);
  co_await secure.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return;
  Connection<asio::ssl::stream<beast::tcp_stream&>> connection(state, secure, *stream, true, busy);
  co_await connection.serve();
  stream->expires_after(kLingerTimeout);
  co_await secure.async_shutdown(asio::redirect_error(asio::use_awaitable, failed));
}

}  // namespace latchkey::http
