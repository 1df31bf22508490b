// Reads one request from the bytes of a connection: the head in place, by Beast's parser, and a body of known length
// without a copy between the socket and where it stays. Internal to http/.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <boost/beast/http/basic_parser.hpp>

#include "http/message.hpp"
#include "http/read_buffer.hpp"

namespace latchkey::http {

class RequestParser final : private boost::beast::http::basic_parser<true> {
  using Base = boost::beast::http::basic_parser<true>;
  using ErrorCode = boost::beast::error_code;

 public:
  enum class State {
    NeedMore,
    Whole,
    Malformed,  // also a head that another HTTP reader could read differently
    TooLarge,
  };

  // `request` outlives the parser, and gets what is read.
  RequestParser(Request& request, std::size_t max_head_bytes);

  // Takes the head off the buffer, or nothing.
  [[nodiscard]] State read_head(ReadBuffer& buffer);

  // The rest is for a request whose head is Whole.

  // Absent for a chunked body. 0 where there is none.
  [[nodiscard]] std::optional<std::uint64_t> content_length();
  [[nodiscard]] bool is_http_10() const { return is_http_10_; }
  [[nodiscard]] bool keep_alive() const { return Base::keep_alive(); }
  // Takes off the buffer what is there of the body, and appends it to the request's body; TooLarge above `limit`.
  [[nodiscard]] State read_body(ReadBuffer& buffer, std::uint64_t limit);
  // Likewise, and keeps nothing of it.
  [[nodiscard]] State skip_body(ReadBuffer& buffer);
  // Bytes of a body of known length that are still to come. Whoever reads them straight into the request's body says so
  // by add_read().
  [[nodiscard]] std::uint64_t left() const { return left_; }
  void add_read(std::uint64_t bytes) { left_ -= bytes; }

 private:
  void on_request_impl(boost::beast::http::verb verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version, ErrorCode& failed) override;
  void on_response_impl(int, boost::beast::string_view, int, ErrorCode&) override {}
  void on_field_impl(boost::beast::http::field field, boost::beast::string_view name, boost::beast::string_view value,
                     ErrorCode& failed) override;
  void on_header_impl(ErrorCode& /*failed*/) override { in_head_ = false; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, ErrorCode& /*failed*/) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, ErrorCode& failed) override;
  void on_finish_impl(ErrorCode&) override {}

  [[nodiscard]] bool complete_head();
  [[nodiscard]] State read_chunks(ReadBuffer& buffer);
  // Takes up to what is left of a body of known length.
  [[nodiscard]] std::string_view take_known(ReadBuffer& buffer);

  Request& request_;
  std::size_t max_head_bytes_;
  // What decides whether the head means the same to every reader.
  unsigned hosts_ = 0;
  unsigned lengths_ = 0;
  unsigned encodings_ = 0;
  bool is_chunked_alone_ = false;
  bool is_http_10_ = false;
  bool in_head_ = true;  // and not in the trailer of a chunked body
  bool keeps_body_ = true;
  std::uint64_t body_limit_ = 0;
  std::uint64_t left_ = 0;
};

}  // namespace latchkey::http
