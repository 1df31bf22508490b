#include "http/request_parser.hpp"

#include <algorithm>
#include <cctype>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include "http/request_target.hpp"

namespace latchkey::http {

namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr int kHttp11 = 11;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

RequestParser::RequestParser(Request& request, std::size_t max_head_bytes)
    : request_(request), max_head_bytes_(max_head_bytes) {
  header_limit(static_cast<std::uint32_t>(max_head_bytes));
  // Its limit would count a body of which read_body() was not told yet.
  Base::body_limit(boost::none);
}

RequestParser::State RequestParser::read_head(ReadBuffer& buffer) {
  auto bytes = buffer.unread();
  if (bytes.empty()) return State::NeedMore;
  ErrorCode failed;
  auto used = put(boost::asio::buffer(bytes), failed);
  buffer.consume(used);
  if (failed == bhttp::error::need_more) {
    return buffer.unread().size() > max_head_bytes_ ? State::TooLarge : State::NeedMore;
  }
  if (failed == bhttp::error::header_limit) return State::TooLarge;
  if (failed || !is_header_done()) return State::Malformed;
  return complete_head() ? State::Whole : State::Malformed;
}

void RequestParser::on_request_impl(bhttp::verb /*verb*/, beast::string_view method, beast::string_view target,
                                    int version, ErrorCode& failed) {
  request_.method = view(method);
  is_http_10_ = version < kHttp11;
  auto read = read_target(request_.method, view(target));
  if (!read) {
    failed = bhttp::error::bad_target;
    return;
  }
  request_.path = std::move(read->path);
  request_.raw_query = std::move(read->query);
  request_.host = std::move(read->authority);
}

void RequestParser::on_field_impl(bhttp::field field, beast::string_view name, beast::string_view value,
                                  ErrorCode& /*failed*/) {
  if (!in_head_) return;
  if (field == bhttp::field::host) ++hosts_;
  if (field == bhttp::field::content_length) ++lengths_;
  if (field == bhttp::field::transfer_encoding) {
    ++encodings_;
    is_chunked_alone_ = beast::iequals(value, "chunked");
  }
  request_.headers.add(view(name), view(value));
}

// Refuses heads that Beast accepts and another HTTP reader in front of us may read differently: such heads smuggle
// requests (RFC 9112 sections 3.2, 6.1 and 6.3).
bool RequestParser::complete_head() {
  if (hosts_ > 1 || (hosts_ == 0 && !is_http_10_)) return false;
  if (lengths_ + encodings_ > 1) return false;
  if (encodings_ > 0 && (is_http_10_ || !is_chunked_alone_)) return false;
  if (!request_.raw_query.empty()) {
    auto query = parse_query(request_.raw_query);
    if (!query) return false;
    request_.query = std::move(query).value();
  }
  if (request_.host.empty()) {
    request_.host = lower(request_.headers.get("host"));
  } else {
    // RFC 9112 section 3.2.2: the target's host counts, and replaces the Host header.
    request_.headers.set("host", request_.host);
  }
  left_ = chunked() ? 0 : content_length().value_or(0);
  return true;
}

std::optional<std::uint64_t> RequestParser::content_length() {
  if (chunked()) return std::nullopt;
  auto length = Base::content_length();
  return length ? *length : 0;
}

std::string_view RequestParser::take_known(ReadBuffer& buffer) {
  auto bytes = buffer.unread().substr(0, left_);
  left_ -= bytes.size();
  buffer.consume(bytes.size());
  return bytes;
}

RequestParser::State RequestParser::read_body(ReadBuffer& buffer, std::uint64_t limit) {
  body_limit_ = limit;
  if (chunked()) return read_chunks(buffer);
  request_.body.append(take_known(buffer));
  return left_ == 0 ? State::Whole : State::NeedMore;
}

RequestParser::State RequestParser::skip_body(ReadBuffer& buffer) {
  keeps_body_ = false;
  if (chunked()) return read_chunks(buffer);
  static_cast<void>(take_known(buffer));
  return left_ == 0 ? State::Whole : State::NeedMore;
}

RequestParser::State RequestParser::read_chunks(ReadBuffer& buffer) {
  eager(true);
  ErrorCode failed;
  while (!is_done() && !buffer.empty()) {
    auto used = put(boost::asio::buffer(buffer.unread()), failed);
    buffer.consume(used);
    if (failed == bhttp::error::need_more || (!failed && used == 0)) break;
    if (failed == bhttp::error::body_limit) return State::TooLarge;
    if (failed) return State::Malformed;
  }
  return is_done() ? State::Whole : State::NeedMore;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t /*left*/, beast::string_view body, ErrorCode& failed) {
  if (!keeps_body_) return body.size();
  if (body.size() > body_limit_ - request_.body.size()) {
    failed = bhttp::error::body_limit;
    return 0;
  }
  request_.body.append(body.data(), body.size());
  return body.size();
}

}  // namespace latchkey::http
