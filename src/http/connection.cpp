#include "http/connection.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/beast/core/string.hpp>

#include "base/log.hpp"
#include "crypto/secret.hpp"
#include "http/read_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/response_head.hpp"
#include "http/response_stream.hpp"
#include "http/transport.hpp"

namespace latchkey::http {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kHandshakeTimeout{10};
// A client that goes on sending after a refusal would not see the response if the connection closed at once. So the
// server reads on, for this time and for twice the largest body that any service allows, and keeps nothing of it.
constexpr std::chrono::seconds kLingerTimeout{5};
constexpr std::size_t kLingerBytes = std::size_t{32} * 1024 * 1024;
// How long a connection beyond the server's room has for each step: the handshake, the head, the end.
constexpr std::chrono::seconds kVisitTimeout{2};
// What a connection may have read and not used yet beyond the largest head: the header of a chunk must fit.
constexpr std::size_t kReadAhead = std::size_t{4} * 1024;
// So many bytes of a body are read at once.
constexpr std::size_t kReadPiece = std::size_t{128} * 1024;
// The server writes a response in pieces of this size, so that it can check the reader's pace.
constexpr std::size_t kWritePiece = std::size_t{256} * 1024;

// The body of a thread's last response, without what it held: memory for the body of the next request.
constexpr std::size_t kMostSpare = std::size_t{4} * 1024;

std::string& spare_text() {
  thread_local std::string text;
  return text;
}

void keep_as_spare(std::string& text) {
  auto& spare = spare_text();
  if (text.capacity() <= spare.capacity() || text.capacity() > kMostSpare) return;
  // A text that became shorter has old bytes behind its end.
  text.resize(text.capacity());
  crypto::wipe(text);
  text.clear();
  spare = std::move(text);
}

class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, std::shared_ptr<TimedSocket> socket, TlsContext* tls,
             std::shared_ptr<Guest> guest)
      : state_(std::move(state)),
        socket_(std::move(socket)),
        transport_(make_transport(*socket_, tls)),
        guest_(std::move(guest)),
        is_tls_(tls != nullptr),
        buffer_(state_->options.max_head_bytes + kReadAhead) {
    boost::system::error_code ignored;
    client_address_ = socket_->get().remote_endpoint(ignored).address();
    local_port_ = socket_->get().local_endpoint(ignored).port();
  }

  Task<void> serve() {
    socket_->expires_after(guest_->place ? std::chrono::milliseconds(kHandshakeTimeout) : kVisitTimeout);
    bool ready = co_await transport_->shake_hands();
    if (!ready) co_return;
    if (guest_->place) {
      bool keep = true;
      for (bool first = true; keep && !state_->stopping; first = false) keep = co_await serve_request(first);
    } else {
      co_await serve_visit();
    }
    transport_->end();
  }

 private:
  using State = RequestParser::State;

  const ServerOptions& options() const { return state_->options; }

  // A request from its first byte to the last of its response. True where another may follow.
  Task<bool> serve_request(bool first) {
    Request request;
    RequestParser parser(request, options().max_head_bytes);
    bool has_head = co_await receive_head(parser, request, first ? options().head_timeout : options().idle_timeout);
    if (!has_head) co_return false;
    std::optional<Admission> admission;
    try {
      admission = co_await state_->service.admit(request);
    } catch (const std::exception& error) {
      SPDLOG_ERROR("the admission of {} {} threw an exception: {}", request.method, request.path, error.what());
    } catch (...) {
      SPDLOG_ERROR("the admission of {} {} threw an unknown exception", request.method, request.path);
    }
    if (!admission) {
      auto failure = state_->service.reject(Rejection::HandlerFailed, &request);
      co_return co_await respond_without_body(parser, std::move(failure), request);
    }
    if (admission->known && guest_->place) guest_->place->prove(waits_since_);
    if (admission->refusal) {
      co_return co_await respond_without_body(parser, std::move(*admission->refusal), request);
    }
    BodyBudget::Share share;
    bool has_body = take_body_at_hand(parser, request, *admission);
    if (!has_body) has_body = co_await receive_body(parser, request, *admission, share);
    if (!has_body) co_return false;
    buffer_.release();
    request.admitted = std::move(admission->call);
    co_return co_await respond(request, parser.keep_alive());
  }

  // Serves a connection that the server has no room for: it reads one request's head, and responds to it where it is
  // vital.
  Task<void> serve_visit() {
    Request request;
    RequestParser parser(request, options().max_head_bytes);
    bool has_head = co_await receive_head(parser, request, kVisitTimeout);
    if (!has_head) co_return;
    // Checked before the service looks into who sent the request: that costs what there is no room for.
    bool is_vital = parser.content_length() == 0 && state_->service.is_vital(request);
    if (!is_vital) {
      co_await refuse(Rejection::Overloaded, &request);
      co_return;
    }
    auto admission = co_await state_->service.admit(request);
    if (admission.refusal) {
      co_await refuse(Rejection::Overloaded, &request);
      co_return;
    }
    request.admitted = std::move(admission.call);
    co_await respond(request, false);
  }

  // False where no head came, or the server refused it.
  Task<bool> receive_head(RequestParser& parser, Request& request, std::chrono::milliseconds timeout) {
    set_idle(true);
    waits_since_ = steady_clock::now();
    // A client that is busy sends the next request soon. Of one that is not, the connection keeps little.
    bool may_rest = timeout > options().rest_after;
    socket_->expires_at(waits_since_ + std::min(timeout, options().rest_after), TimedSocket::Then::Cancel);
    auto state = parser.read_head(buffer_);
    while (state == State::NeedMore) {
      auto bytes = co_await read_more();
      if (bytes > 0) {
        state = parser.read_head(buffer_);
      } else if (may_rest && socket_->has_expired()) {
        may_rest = false;
        buffer_.rest();
        transport_->rest();
        socket_->expires_at(waits_since_ + timeout);
        // Before it takes memory to read into again.
        bool came = co_await socket_->wait(tcp::socket::wait_read);
        if (!came) co_return false;
      } else {
        co_return false;
      }
    }
    set_idle(false);
    socket_->expires_never();
    request.client_address = client_address_;
    request.local_port = local_port_;
    request.tls = is_tls_;
    if (state == State::Whole) co_return true;
    co_await refuse(state == State::TooLarge ? Rejection::HeadTooLarge : Rejection::Malformed, nullptr);
    co_return false;
  }

  void set_idle(bool idle) {
    guest_->busy = !idle;
    if (guest_->place) guest_->place->set_idle(idle);
  }

  // Keeps the connection where the body, if there is any, came together with the head; it waits for nothing more.
  Task<bool> respond_without_body(RequestParser& parser, Response response, const RequestHead& head) {
    bool is_whole = parser.skip_body(buffer_) == State::Whole;
    buffer_.release();
    bool keep_alive = parser.keep_alive() && !state_->stopping && is_whole;
    bool written = co_await write(std::move(response), head.method == "HEAD", keep_alive);
    if (written && !is_whole) co_await linger();
    co_return written&& keep_alive;
  }

  // True where the request has no body, or a small one that came together with the head.
  bool take_body_at_hand(RequestParser& parser, Request& request, const Admission& admission) {
    auto length = parser.content_length();
    if (length == 0) return true;
    bool at_hand = length && *length <= admission.body_limit && *length <= buffer_.unread().size() &&
                   !BodyBudget::counts(*length) && !wants_to_be_told(parser, request);
    if (!at_hand) return false;
    request.body = std::exchange(spare_text(), std::string());
    request.body.reserve(*length + admission.room_behind_body);
    return parser.read_body(buffer_, admission.body_limit) == State::Whole;
  }

  static bool wants_to_be_told(const RequestParser& parser, const RequestHead& head) {
    return !parser.is_http_10() && boost::beast::iequals(head.headers.get("expect"), "100-continue");
  }

  // Reads the body into the request. False where it did not come whole: the client was told why, where that helps.
  Task<bool> receive_body(RequestParser& parser, Request& request, Admission& admission, BodyBudget::Share& share) {
    auto limit = admission.body_limit;
    auto length = parser.content_length();
    if (length && *length > limit) {
      co_await refuse(Rejection::BodyTooLarge, &request);
      co_return false;
    }
    auto size = length ? static_cast<std::size_t>(*length) : limit;
    if (BodyBudget::counts(size)) {
      auto taken = co_await state_->bodies->take(admission.group, size);
      if (!taken) {
        co_await refuse(Rejection::NoRoomForBody, &request);
        co_return false;
      }
      share = std::move(*taken);
    }
    if (wants_to_be_told(parser, request)) {
      bool proceeds = co_await send("HTTP/1.1 100 Continue\r\n\r\n", {});
      if (!proceeds) co_return false;
    }
    if (length) request.body.reserve(size + admission.room_behind_body);
    auto state = parser.read_body(buffer_, limit);
    if (state == State::NeedMore) state = co_await receive_rest(parser, request, limit);
    if (state == State::Whole) co_return true;
    if (state == State::TooLarge) {
      co_await refuse(Rejection::BodyTooLarge, &request);
    } else if (state == State::Malformed) {
      co_await refuse(Rejection::Malformed, &request);
    } else if (socket_->has_expired()) {
      co_await refuse(Rejection::BodyTimeout, &request);
    }
    co_return false;
  }

  // Reads until the body is whole or wrong; NeedMore where nothing more comes, or nothing came in time.
  Task<State> receive_rest(RequestParser& parser, Request& request, std::size_t limit) {
    auto began = steady_clock::now();
    auto state = State::NeedMore;
    std::size_t came = request.body.size();
    while (state == State::NeedMore) {
      socket_->expires_at(began + options().pace.allowed(came), TimedSocket::Then::Cancel);
      auto left = parser.left();
      std::size_t bytes = 0;
      if (left > 0) {
        bytes = co_await read_into(request.body, left);
      } else {
        bytes = co_await read_more();
      }
      if (bytes == 0) {
        // A header of a chunk that fills the buffer has no end.
        co_return buffer_.room().empty() ? State::Malformed : State::NeedMore;
      }
      came += bytes;
      if (left > 0) {
        parser.add_read(bytes);
        if (left == bytes) state = State::Whole;
      } else {
        state = parser.read_body(buffer_, limit);
      }
    }
    socket_->expires_never();
    co_return state;
  }

  // Appends what comes to the body, up to `left` bytes; 0 where nothing comes any more.
  Task<std::size_t> read_into(std::string& body, std::uint64_t left) {
    auto size = body.size();
    auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, kReadPiece));
    body.resize(size + piece);
    auto bytes = co_await transport_->read(std::span(body).subspan(size));
    body.resize(size + bytes);
    co_return bytes;
  }

  // Reads what comes into the buffer; 0 where nothing comes any more, or the buffer is full.
  Task<std::size_t> read_more() {
    auto room = buffer_.room();
    if (room.empty()) co_return 0;
    auto bytes = co_await transport_->read(room);
    buffer_.commit(bytes);
    co_return bytes;
  }

  Task<bool> respond(Request& request, bool keep_alive) {
    // The service may take the request apart.
    bool head_only = request.method == "HEAD";
    std::optional<Response> response;
    try {
      response = co_await state_->service.handle(request);
    } catch (const std::exception& error) {
      SPDLOG_ERROR("the handler of {} {} threw an exception: {}", request.method, request.path, error.what());
    } catch (...) {
      SPDLOG_ERROR("the handler of {} {} threw an unknown exception", request.method, request.path);
    }
    if (!response) response = state_->service.reject(Rejection::HandlerFailed, &request);
    keep_alive = keep_alive && !state_->stopping;
    auto head = head_of(*response, keep_alive);
    auto body = body_of(*response, head_only);
    // Nearly every response leaves at once.
    auto sent = response->deliver ? Progress{} : transport_->write(head, body);
    if (sent.bytes == head.size() + body.size()) {
      keep_as_spare(response->body);
      co_return keep_alive;
    }
    bool written = co_await send_rest(*response, head, body, sent);
    co_return written&& keep_alive;
  }

  Task<bool> write(Response response, bool head_only, bool keep_alive) {
    auto head = head_of(response, keep_alive);
    co_return co_await send_rest(response, head, body_of(response, head_only), {});
  }

  std::string head_of(const Response& response, bool keep_alive) const {
    std::string head;
    head.reserve(kMostHeads);
    append_response_head(head, response, options().server_name, keep_alive);
    return head;
  }

  static std::string_view body_of(const Response& response, bool head_only) {
    return !head_only && may_have_body(response.status) ? std::string_view(response.body) : std::string_view();
  }

  // What is left of head and body behind `sent`.
  Task<bool> send_rest(const Response& response, std::string_view head, std::string_view body, Progress sent) {
    if (response.deliver) {
      OutgoingResponse stream(*this, head, body);
      co_return co_await response.deliver(stream);
    }
    if (sent.is_over) co_return false;
    auto of_head = std::min(sent.bytes, head.size());
    co_return co_await send(head.substr(of_head), body.substr(sent.bytes - of_head));
  }

  class OutgoingResponse final : public ResponseStream {
   public:
    OutgoingResponse(Connection& connection, std::string_view head, std::string_view body)
        : connection_(connection), head_(head), body_(body) {}

    [[nodiscard]] std::string_view head() const override { return head_; }
    [[nodiscard]] std::string_view body() const override { return body_; }
    [[nodiscard]] Task<bool> send(std::string_view bytes) override { return connection_.send(bytes, {}); }

    void reset() override { connection_.socket_->reset(); }

    [[nodiscard]] bool is_stopping() const override { return connection_.state_->stopping; }

   private:
    Connection& connection_;
    std::string_view head_;
    std::string_view body_;
  };

  // Each piece must be sent within the time that the pace allows, counted from the first: a client that reads too
  // slowly is cut off.
  Task<bool> send(std::string_view first, std::string_view second) {
    auto began = steady_clock::now();
    std::size_t sent = 0;
    while (!first.empty() || !second.empty()) {
      auto piece = second.substr(0, kWritePiece);
      auto progress = transport_->write(first, piece);
      if (progress.is_over) co_return false;
      if (progress.must_wait) {
        auto due = began + options().pace.allowed(sent + first.size() + piece.size());
        socket_->expires_at(due, TimedSocket::Then::Cancel);
        bool goes_on = co_await socket_->wait(tcp::socket::wait_write);
        // What is on its way to a client that does not read would stay with the system for minutes.
        if (!goes_on) socket_->reset();
        if (!goes_on) co_return false;
      }
      sent += progress.bytes;
      auto of_first = std::min(progress.bytes, first.size());
      first.remove_prefix(of_first);
      second.remove_prefix(progress.bytes - of_first);
    }
    // The time until the next bytes is somebody else's.
    socket_->expires_never();
    co_return true;
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
    if (guest_->place) guest_->place->set_idle(true);
    transport_->end();
    socket_->expires_after(guest_->place ? std::chrono::milliseconds(kLingerTimeout) : kVisitTimeout);
    for (std::size_t read = 0; read < kLingerBytes;) {
      buffer_.consume(buffer_.unread().size());
      auto bytes = co_await read_more();
      if (bytes == 0) co_return;
      read += bytes;
    }
  }

  static constexpr std::size_t kMostHeads = 480;

  std::shared_ptr<ServerState> state_;
  std::shared_ptr<TimedSocket> socket_;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<Guest> guest_;
  bool is_tls_;
  boost::asio::ip::address client_address_;
  std::uint16_t local_port_ = 0;
  ReadBuffer buffer_;
  steady_clock::time_point waits_since_;  // for the request that it reads or serves
};

}  // namespace

Task<void> serve_connection(std::shared_ptr<ServerState> state, std::shared_ptr<TimedSocket> socket,
                            std::shared_ptr<TlsContext> tls, std::shared_ptr<Guest> guest) {
  Connection connection(std::move(state), socket, tls.get(), std::move(guest));
  co_await connection.serve();
  socket->close();
}

}  // namespace latchkey::http
