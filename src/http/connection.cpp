#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "base/log.hpp"
#include "crypto/secret.hpp"
#include "http/field_text.hpp"
#include "http/request_target.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr std::chrono::seconds kWriteTimeout{60};
constexpr std::chrono::seconds kHandshakeTimeout{10};
// A client that sends on is read for as long as this, and twice the largest body that any service allows, before the
// connection closes under it: it would not see the answer otherwise.
constexpr std::chrono::seconds kLingerTimeout{5};
constexpr std::size_t kLingerBytes = std::size_t{32} * 1024 * 1024;
constexpr std::size_t kLingerChunk = std::size_t{64} * 1024;
// How much longer than body_timeout the socket itself waits, should the timer's cancelling slip between two reads.
constexpr std::chrono::seconds kBodyBackstop{5};
// What a connection holds of what it has read and not yet parsed, beyond a head: chunk headers must fit.
constexpr std::size_t kReadAhead = std::size_t{64} * 1024;
constexpr std::size_t kTlsRecord = std::size_t{16} * 1024;
constexpr unsigned kHttp11 = 11;

using RequestParser = bhttp::request_parser<bhttp::string_body>;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::size_t count_fields(const RequestHead& head, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(head.headers.begin(), head.headers.end(),
                                                [&](const auto& field) { return boost::iequals(field.first, name); }));
}

// What Beast lets pass and another HTTP reader in front of us may read otherwise: that is how requests are smuggled
// (RFC 9112 sections 3.2, 6.1 and 6.3).
bool unambiguous(const RequestHead& head, unsigned version) {
  auto hosts = count_fields(head, "host");
  if (hosts > 1 || (hosts == 0 && version >= kHttp11)) return false;
  auto lengths = count_fields(head, "content-length");
  auto encodings = count_fields(head, "transfer-encoding");
  if (lengths + encodings > 1) return false;
  if (encodings == 0) return true;
  return version >= kHttp11 && boost::iequals(head.headers.get("transfer-encoding"), "chunked");
}

// Null where the target is none, its query does not decode, or the head can be read in two ways.
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
  // RFC 9112 section 3.2.2: what the target says of the host is what counts, and the Host header is replaced by it.
  if (!target->authority.empty()) request.headers.set("host", target->authority);
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
  message.version(kHttp11);
  message.result(response.status);
  for (const auto& [name, value] : response.headers) {
    if (is_field_name(name) && is_field_value(value)) {
      message.insert(name, value);
    } else {
      SPDLOG_ERROR("a header of an answer was left out: its name or value cannot be sent");
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

// A buffer keeps what was read out of it until it is overwritten.
void wipe_what_was_read(beast::flat_buffer& buffer) {
  beast::flat_buffer unread(buffer.max_size());
  unread.commit(asio::buffer_copy(unread.prepare(buffer.size()), buffer.data()));
  buffer.clear();
  auto all = buffer.prepare(buffer.capacity());
  crypto::wipe(MutableBytes(static_cast<std::uint8_t*>(all.data()), all.size()));
  if (unread.size() > 0) buffer = std::move(unread);
}

std::string head_text(const bhttp::response<bhttp::string_body>& message) {
  std::ostringstream text;
  text << message.base();
  return std::move(text).str();
}

// The part that is the same with and without TLS.
template <class Stream>
class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, Stream& stream, std::shared_ptr<beast::tcp_stream> lowest, bool tls,
             std::shared_ptr<std::atomic<bool>> busy)
      : state_(std::move(state)),
        stream_(stream),
        lowest_(std::move(lowest)),
        tls_(tls),
        busy_(std::move(busy)),
        buffer_(state_->options.max_head_bytes + kReadAhead) {}

  Task<void> serve() {
    bool first = true;
    while (!state_->stopping) {
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
    lowest_->expires_after(first ? options().head_timeout : options().idle_timeout);
    co_await bhttp::async_read_header(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
    *busy_ = true;
    if (failed) {
      co_await refuse_head(failed);
      co_return false;
    }
    auto head = read_head(parser, lowest_->socket(), tls_);
    if (!head) {
      co_await refuse(Rejection::Malformed, nullptr);
      co_return false;
    }
    bool readable = co_await read_body(parser, *head);
    if (!readable) co_return false;
    head->body = std::move(parser.get().body());
    wipe_what_was_read(buffer_);
    co_return co_await answer(std::move(*head), parser.get().keep_alive());
  }

  // Bytes came that are no HTTP; false where none came, or too few, and nobody waits for an answer.
  static bool is_malformed(beast::error_code failed) {
    return failed.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
           failed != bhttp::error::end_of_stream && failed != bhttp::error::partial_message;
  }

  Task<void> refuse_head(beast::error_code failed) {
    if (!is_malformed(failed)) co_return;
    bool large = failed == bhttp::error::header_limit || failed == bhttp::error::buffer_overflow;
    co_await refuse(large ? Rejection::HeadTooLarge : Rejection::Malformed, nullptr);
  }

  Task<bool> read_body(RequestParser& parser, const RequestHead& head) {
    auto limit = state_->service.body_limit(head);
    if (auto length = parser.content_length(); length && *length > limit) {
      co_await refuse(Rejection::BodyTooLarge, &head);
      co_return false;
    }
    if (parser.is_done()) co_return true;
    parser.body_limit(limit);
    bool expects = parser.get().version() >= kHttp11 && boost::iequals(head.headers.get("expect"), "100-continue");
    if (expects) {
      bool proceeds = co_await proceed();
      if (!proceeds) co_return false;
    }
    bool late = false;
    auto failed = co_await receive(parser, late);
    if (!failed && !late) co_return true;
    if (late) {
      co_await refuse(Rejection::BodyTimeout, &head);
    } else if (failed == bhttp::error::body_limit) {
      co_await refuse(Rejection::BodyTooLarge, &head);
    } else if (is_malformed(failed)) {
      co_await refuse(Rejection::Malformed, &head);
    }
    co_return false;
  }

  Task<bool> proceed() { co_return co_await send("HTTP/1.1 100 Continue\r\n\r\n", {}); }

  // Reads until the body is whole, an error, or body_timeout, which sets `late`. The time is a timer's, not the
  // stream's: that one closes the socket, and then nobody could be told.
  Task<beast::error_code> receive(RequestParser& parser, bool& late) {
    auto expired = std::make_shared<bool>(false);
    asio::steady_timer timer(lowest_->get_executor(), options().body_timeout);
    timer.async_wait([expired, stream = lowest_](beast::error_code cancelled) {
      if (cancelled) return;
      *expired = true;
      stream->cancel();
    });
    lowest_->expires_after(options().body_timeout + kBodyBackstop);
    beast::error_code failed;
    while (!failed && !*expired && !parser.is_done()) {
      co_await bhttp::async_read_some(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
    }
    late = *expired && !parser.is_done();
    *expired = true;
    co_return failed;
  }

  Task<bool> answer(Request request, bool keep_alive) {
    bool head_only = request.method == "HEAD";
    RequestHead head = request;  // NOLINT(cppcoreguidelines-slicing): the head alone is meant.
    std::optional<Response> response;
    try {
      response = co_await state_->service.handle(std::move(request));
    } catch (const std::exception& error) {
      SPDLOG_ERROR("an exception left the handler of {} {}: {}", head.method, head.path, error.what());
    } catch (...) {
      SPDLOG_ERROR("an unknown exception left the handler of {} {}", head.method, head.path);
    }
    if (!response) response = state_->service.reject(Rejection::HandlerFailed, &head);
    keep_alive = keep_alive && !state_->stopping;
    co_return co_await write(std::move(*response), head_only, keep_alive) && keep_alive;
  }

  Task<bool> write(Response response, bool head_only, bool keep_alive) {
    auto spoiling = response.spoiling;
    auto message = to_beast(std::move(response), options(), head_only, keep_alive);
    auto head = head_text(message);
    if (spoiling) co_return co_await spoil(*spoiling, head, message.body());
    co_return co_await send(head, message.body());
  }

  Task<bool> spoil(Spoiling spoiling, std::string_view head, std::string_view body) {
    if (spoiling.how == Spoiling::How::Trickle) co_return co_await trickle(spoiling.pause, head, body);
    if (spoiling.how == Spoiling::How::Truncate) co_await send(head, body.substr(0, body.size() / 2));
    if (spoiling.how == Spoiling::How::Reset) {
      // Without lingering, closing sends a reset.
      beast::error_code ignored;
      lowest_->socket().set_option(asio::socket_base::linger(true, 0), ignored);
      lowest_->socket().close(ignored);
    }
    co_return false;
  }

  Task<bool> trickle(std::chrono::milliseconds pause, std::string_view head, std::string_view body) {
    constexpr std::size_t kPiece = 16;
    bool sent = co_await send(head, {});
    asio::steady_timer timer(lowest_->get_executor());
    while (sent && !body.empty() && !state_->stopping) {
      lowest_->expires_never();
      timer.expires_after(pause);
      beast::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      sent = co_await send(body.substr(0, kPiece), {});
      body.remove_prefix(std::min(kPiece, body.size()));
    }
    co_return sent&& body.empty();
  }

  Task<bool> send(std::string_view head, std::string_view body) {
    if (!tls_) {
      std::array<asio::const_buffer, 2> parts{asio::buffer(head), asio::buffer(body)};
      co_return co_await send_parts(parts);
    }
    // Of several buffers Asio makes one for TLS: on its thread's stack, where what was sent would stay.
    std::string first(head);
    auto joined = std::min(body.size(), kTlsRecord - std::min(head.size(), kTlsRecord));
    first.append(body.substr(0, joined));
    bool sent = co_await send_parts(asio::buffer(std::string_view(first)));
    if (!sent || joined == body.size()) co_return sent;
    co_return co_await send_parts(asio::buffer(body.substr(joined)));
  }

  template <class Parts>
  Task<bool> send_parts(Parts parts) {
    beast::error_code failed;
    lowest_->expires_after(kWriteTimeout);
    co_await asio::async_write(stream_, parts, asio::redirect_error(asio::use_awaitable, failed));
    co_return !failed;
  }

  // Says no, then reads on for a moment: closing with unread bytes would reset the connection under the answer.
  Task<void> refuse(Rejection why, const RequestHead* head) {
    bool head_only = head != nullptr && head->method == "HEAD";
    bool written = co_await write(state_->service.reject(why, head), head_only, false);
    if (!written) co_return;
    beast::error_code failed;
    if (!tls_) lowest_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, failed);
    lowest_->expires_after(kLingerTimeout);
    std::string scratch(kLingerChunk, '\0');
    for (std::size_t read = 0; read < kLingerBytes && !failed;) {
      read +=
          co_await stream_.async_read_some(asio::buffer(scratch), asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  std::shared_ptr<ServerState> state_;
  Stream& stream_;
  std::shared_ptr<beast::tcp_stream> lowest_;
  bool tls_;
  std::shared_ptr<std::atomic<bool>> busy_;
  beast::flat_buffer buffer_;
};

}  // namespace

Task<void> serve_connection(std::shared_ptr<ServerState> state, std::shared_ptr<beast::tcp_stream> stream,
                            std::shared_ptr<asio::ssl::context> tls, std::shared_ptr<std::atomic<bool>> busy) {
  beast::error_code failed;
  if (!tls) {
    Connection<beast::tcp_stream> connection(state, *stream, stream, false, busy);
    co_await connection.serve();
    stream->socket().shutdown(asio::ip::tcp::socket::shutdown_both, failed);
    co_return;
  }
  asio::ssl::stream<beast::tcp_stream&> secure(*stream, *tls);
  stream->expires_after(kHandshakeTimeout);
  co_await secure.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return;
  Connection<asio::ssl::stream<beast::tcp_stream&>> connection(state, secure, stream, true, busy);
  co_await connection.serve();
  stream->expires_after(kLingerTimeout);
  co_await secure.async_shutdown(asio::redirect_error(asio::use_awaitable, failed));
}

}  // namespace latchkey::http
