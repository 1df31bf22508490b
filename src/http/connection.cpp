#include "http/connection.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/read.hpp>

#include "base/log.hpp"
#include "http/read_buffer.hpp"
#include "http/response_stream.hpp"
#include "http/wire.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr std::chrono::seconds kHandshakeTimeout{10};
// A client that goes on sending after a refusal would not see the response if the connection closed at once. So the
// server reads on, for this time and for twice the largest body that any service allows, and keeps nothing of it.
constexpr std::chrono::seconds kLingerTimeout{5};
constexpr std::size_t kLingerBytes = std::size_t{32} * 1024 * 1024;
constexpr std::size_t kLingerChunk = std::size_t{4} * 1024;
// How long a connection beyond the server's room has for each step: the handshake, the head, the end.
constexpr std::chrono::seconds kVisitTimeout{2};
// How many bytes beyond a head a connection may have read and not yet parsed: chunk headers must fit.
constexpr std::size_t kReadAhead = std::size_t{64} * 1024;
// The server writes a response in pieces of this size, so that it can check the reader's pace.
constexpr std::size_t kWritePiece = std::size_t{256} * 1024;
constexpr std::size_t kTlsRecord = std::size_t{16} * 1024;
// How much of a body the server reads at once, and how much of that room a connection keeps when the body is read.
constexpr std::size_t kReadPiece = std::size_t{64} * 1024;
constexpr std::size_t kRoomKept = 1024;
constexpr unsigned kHttp11 = 11;

// The part that is the same with and without TLS.
template <class Stream>
class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, Stream& stream, std::shared_ptr<beast::tcp_stream> lowest, bool tls,
             std::shared_ptr<Guest> guest)
      : state_(std::move(state)),
        stream_(stream),
        lowest_(std::move(lowest)),
        tls_(tls),
        guest_(std::move(guest)),
        buffer_(state_->options.max_head_bytes + kReadAhead) {}

  Task<void> serve() {
    bool first = true;
    while (!state_->stopping) {
      bool keep = co_await serve_request(first);
      if (!keep) co_return;
      first = false;
    }
  }

  // Serves a connection that the server has no room for: it reads one request's head, and responds to it where it is
  // vital.
  Task<void> serve_visit() {
    RequestParser parser;
    auto head = co_await receive_head(parser, kVisitTimeout);
    if (!head) co_return;
    // Checked before the service looks into who sent the request: that costs what there is no room for.
    bool is_vital = parser.is_done() && state_->service.is_vital(*head);
    if (!is_vital) {
      co_await refuse(Rejection::Overloaded, &*head);
      co_return;
    }
    auto admission = co_await admit(*head);
    if (admission && !admission->refusal) {
      head->admitted = std::move(admission->call);
      co_await respond(std::move(*head), false);
    } else {
      co_await refuse(Rejection::Overloaded, &*head);
    }
  }

 private:
  const ServerOptions& options() const { return state_->options; }

  Task<bool> serve_request(bool first) {
    RequestParser parser;
    auto head = co_await receive_head(parser, first ? options().head_timeout : options().idle_timeout);
    if (!head) co_return false;
    auto admission = co_await admit(*head);
    if (!admission) {
      co_return co_await respond_without_body(parser, state_->service.reject(Rejection::HandlerFailed, &*head), *head);
    }
    if (admission->known && guest_->place) guest_->place->prove(std::chrono::steady_clock::now());
    if (admission->refusal) {
      co_return co_await respond_without_body(parser, std::move(*admission->refusal), *head);
    }
    BodyBudget::Share share;
    bool readable = co_await read_body(parser, *head, *admission, share);
    if (!readable) co_return false;
    head->body = std::move(parser.get().body());
    buffer_.wipe_consumed();
    buffer_.release_beyond(kRoomKept);
    head->admitted = std::move(admission->call);
    co_return co_await respond(std::move(*head), parser.get().keep_alive());
  }

  // Absent where no head came, or the server refused it.
  Task<std::optional<Request>> receive_head(RequestParser& parser, std::chrono::milliseconds timeout) {
    parser.header_limit(static_cast<std::uint32_t>(options().max_head_bytes));
    parser.body_limit(boost::none);
    beast::error_code failed;
    set_idle(true);
    lowest_->expires_after(timeout);
    co_await bhttp::async_read_header(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
    set_idle(false);
    if (failed) {
      co_await refuse_head(failed);
      co_return std::nullopt;
    }
    auto head = read_head(parser, lowest_->socket(), tls_);
    if (!head) co_await refuse(Rejection::Malformed, nullptr);
    co_return head;
  }

  void set_idle(bool idle) {
    guest_->busy = !idle;
    if (guest_->place) guest_->place->set_idle(idle);
  }

  // The service's decision about the head; absent where it threw an exception.
  Task<std::optional<Admission>> admit(const RequestHead& head) {
    try {
      co_return co_await state_->service.admit(head);
    } catch (const std::exception& error) {
      SPDLOG_ERROR("the admission of {} {} threw an exception: {}", head.method, head.path, error.what());
    } catch (...) {
      SPDLOG_ERROR("the admission of {} {} threw an unknown exception", head.method, head.path);
    }
    co_return std::nullopt;
  }

  // Keeps the connection where the body, if there is any, came together with the head; it waits for nothing more.
  Task<bool> respond_without_body(RequestParser& parser, Response response, const RequestHead& head) {
    bool head_only = head.method == "HEAD";
    bool is_whole = skip_body(parser);
    buffer_.wipe_consumed();
    bool keep_alive = parser.get().keep_alive() && !state_->stopping && is_whole;
    bool written = co_await write(std::move(response), head_only, keep_alive);
    if (written && !is_whole) co_await linger();
    co_return written&& keep_alive;
  }

  // Consumes the part of the body that was read with the head; returns whether that was all of it.
  bool skip_body(RequestParser& parser) {
    beast::error_code failed;
    parser.eager(true);
    while (!failed && !parser.is_done() && buffer_.size() > 0) {
      buffer_.consume(parser.put(buffer_.data(), failed));
    }
    return parser.is_done();
  }

  // True where bytes came that are no HTTP; false where too few or none came, so that nobody waits for a response.
  static bool is_malformed(beast::error_code failed) {
    return failed.category() == bhttp::make_error_code(bhttp::error::bad_method).category() &&
           failed != bhttp::error::end_of_stream && failed != bhttp::error::partial_message;
  }

  Task<void> refuse_head(beast::error_code failed) {
    if (!is_malformed(failed)) co_return;
    bool large = failed == bhttp::error::header_limit || failed == bhttp::error::buffer_overflow;
    co_await refuse(large ? Rejection::HeadTooLarge : Rejection::Malformed, nullptr);
  }

  Task<bool> read_body(RequestParser& parser, const RequestHead& head, Admission& admission, BodyBudget::Share& share) {
    auto limit = admission.body_limit;
    auto length = parser.content_length();
    if (length && *length > limit) {
      co_await refuse(Rejection::BodyTooLarge, &head);
      co_return false;
    }
    if (parser.is_done()) co_return true;
    auto taken =
        co_await state_->bodies->take(std::move(admission.group), length ? static_cast<std::size_t>(*length) : limit);
    if (!taken) {
      co_await refuse(Rejection::NoRoomForBody, &head);
      co_return false;
    }
    share = std::move(*taken);
    parser.body_limit(limit);
    bool expects =
        parser.get().version() >= kHttp11 && boost::beast::iequals(head.headers.get("expect"), "100-continue");
    if (expects) {
      bool proceeds = co_await send("HTTP/1.1 100 Continue\r\n\r\n", {});
      if (!proceeds) co_return false;
    }
    // For no more than the caller has a share for.
    buffer_.make_room(std::min(length ? static_cast<std::size_t>(*length) : limit, kReadPiece));
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

  // How much of a body has arrived, for the timer that checks its pace. Used on the connection's strand alone.
  struct Arrival {
    explicit Arrival(const asio::any_io_executor& executor) : timer(executor) {}
    asio::steady_timer timer;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::size_t bytes = 0;
    bool over = false;
    bool late = false;
  };

  // Checks the pace whenever more bytes are due. It has a timer of its own, because the stream's timer closes the
  // socket, and the client could not be told why.
  static void watch(const std::shared_ptr<Arrival>& arrival, std::shared_ptr<beast::tcp_stream> stream, Pace pace) {
    arrival->timer.expires_at(arrival->began + pace.allowed(arrival->bytes));
    arrival->timer.async_wait([arrival, stream = std::move(stream), pace](beast::error_code) mutable {
      if (arrival->over) return;
      if (std::chrono::steady_clock::now() < arrival->began + pace.allowed(arrival->bytes)) {
        watch(arrival, std::move(stream), pace);
        return;
      }
      arrival->late = true;
      stream->cancel();
    });
  }

  // Reads until the body is complete, an error occurs, or the body comes too slowly, which sets `late`.
  Task<beast::error_code> receive(RequestParser& parser, bool& late) {
    auto arrival = std::make_shared<Arrival>(lowest_->get_executor());
    // The bytes that came with the head came in time.
    arrival->bytes = buffer_.size();
    watch(arrival, lowest_, options().pace);
    lowest_->expires_never();
    beast::error_code failed;
    std::size_t parsed = 0;
    while (!failed && !arrival->late && !parser.is_done()) {
      parsed +=
          co_await bhttp::async_read_some(stream_, buffer_, parser, asio::redirect_error(asio::use_awaitable, failed));
      arrival->bytes = parsed + buffer_.size();
    }
    late = arrival->late && !parser.is_done();
    arrival->over = true;
    arrival->timer.cancel();
    co_return failed;
  }

  Task<bool> respond(Request request, bool keep_alive) {
    bool head_only = request.method == "HEAD";
    RequestHead head = request;  // NOLINT(cppcoreguidelines-slicing): the head alone is meant.
    std::optional<Response> response;
    try {
      response = co_await state_->service.handle(std::move(request));
    } catch (const std::exception& error) {
      SPDLOG_ERROR("the handler of {} {} threw an exception: {}", head.method, head.path, error.what());
    } catch (...) {
      SPDLOG_ERROR("the handler of {} {} threw an unknown exception", head.method, head.path);
    }
    if (!response) response = state_->service.reject(Rejection::HandlerFailed, &head);
    keep_alive = keep_alive && !state_->stopping;
    bool written = co_await write(std::move(*response), head_only, keep_alive);
    co_return written&& keep_alive;
  }

  Task<bool> write(Response response, bool head_only, bool keep_alive) {
    auto deliver = std::move(response.deliver);
    auto message = to_beast(std::move(response), options(), head_only, keep_alive);
    auto head = head_text(message);
    if (!deliver) co_return co_await send(head, message.body());
    OutgoingResponse stream(*this, head, message.body());
    bool reusable = co_await deliver(stream);
    co_return reusable;
  }

  class OutgoingResponse final : public ResponseStream {
   public:
    OutgoingResponse(Connection& connection, std::string_view head, std::string_view body)
        : connection_(connection), head_(head), body_(body) {}

    [[nodiscard]] std::string_view head() const override { return head_; }
    [[nodiscard]] std::string_view body() const override { return body_; }

    [[nodiscard]] Task<bool> send(std::string_view bytes) override {
      bool sent = co_await connection_.send(bytes, {});
      // The time until the next bytes is the sender's own.
      connection_.lowest_->expires_never();
      co_return sent;
    }

    void reset() override {
      // Closing without lingering sends a reset.
      auto& socket = connection_.lowest_->socket();
      beast::error_code ignored;
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
      socket.close(ignored);
    }

    [[nodiscard]] bool is_stopping() const override { return connection_.state_->stopping; }

   private:
    Connection& connection_;
    std::string_view head_;
    std::string_view body_;
  };

  // Each piece must be sent within the time that the pace allows, counted from the first: a client that reads too
  // slowly is cut off. For TLS, Asio would join several buffers on its thread's stack and leave the bytes there, so the
  // head and the beginning of the body are joined here.
  Task<bool> send(std::string_view head, std::string_view body) {
    auto began = std::chrono::steady_clock::now();
    std::string first(head);
    first.append(body.substr(0, kTlsRecord - std::min(head.size(), kTlsRecord)));
    body.remove_prefix(first.size() - head.size());
    std::size_t sent = 0;
    beast::error_code failed;
    for (std::string_view piece = first; !failed && !piece.empty();) {
      sent += piece.size();
      lowest_->expires_at(began + options().pace.allowed(sent));
      co_await asio::async_write(stream_, asio::buffer(piece), asio::redirect_error(asio::use_awaitable, failed));
      piece = body.substr(0, kWritePiece);
      body.remove_prefix(piece.size());
    }
    co_return !failed;
  }

  // Sends the refusal, then reads on for a moment.
  Task<void> refuse(Rejection why, const RequestHead* head) {
    bool head_only = head != nullptr && head->method == "HEAD";
    bool written = co_await write(state_->service.reject(why, head), head_only, false);
    if (written) co_await linger();
  }

  // Closing with unread bytes would reset the connection before the client has read the response. No request can
  // follow, so the connection is idle: the room may give its place to another.
  Task<void> linger() {
    beast::error_code failed;
    if (guest_->place) guest_->place->set_idle(true);
    if (!tls_) lowest_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, failed);
    lowest_->expires_after(guest_->place ? kLingerTimeout : kVisitTimeout);
    std::array<char, kLingerChunk> scratch;
    for (std::size_t read = 0; read < kLingerBytes && !failed;) {
      read +=
          co_await stream_.async_read_some(asio::buffer(scratch), asio::redirect_error(asio::use_awaitable, failed));
    }
  }

  std::shared_ptr<ServerState> state_;
  Stream& stream_;
  std::shared_ptr<beast::tcp_stream> lowest_;
  bool tls_;
  std::shared_ptr<Guest> guest_;
  ReadBuffer buffer_;
};

template <class Stream>
Task<void> serve_guest(Connection<Stream>& connection, bool has_place) {
  if (has_place) {
    co_await connection.serve();
  } else {
    co_await connection.serve_visit();
  }
}

}  // namespace

Task<void> serve_connection(std::shared_ptr<ServerState> state, std::shared_ptr<beast::tcp_stream> stream,
                            std::shared_ptr<asio::ssl::context> tls, std::shared_ptr<Guest> guest) {
  beast::error_code failed;
  bool has_place = guest->place != nullptr;
  if (!tls) {
    Connection<beast::tcp_stream> connection(state, *stream, stream, false, guest);
    co_await serve_guest(connection, has_place);
    stream->socket().shutdown(asio::ip::tcp::socket::shutdown_both, failed);
    co_return;
  }
  asio::ssl::stream<beast::tcp_stream&> secure(*stream, *tls);
  stream->expires_after(has_place ? kHandshakeTimeout : kVisitTimeout);
  co_await secure.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, failed));
  if (failed) co_return;
  Connection<asio::ssl::stream<beast::tcp_stream&>> connection(state, secure, stream, true, guest);
  co_await serve_guest(connection, has_place);
  stream->expires_after(has_place ? kLingerTimeout : kVisitTimeout);
  co_await secure.async_shutdown(asio::redirect_error(asio::use_awaitable, failed));
}

}  // namespace latchkey::http
