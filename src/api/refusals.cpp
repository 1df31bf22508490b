#include "api/refusals.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::api {

WireError not_found(const http::RequestHead& head) {
  WireError error;
  error.status = 404;
  error.type = "not_found_error";
  error.message = fmt::format("There is nothing at {} {}. Look at the path, its version and its ids.",
                              json_fields::clean_text(head.method, 16), json_fields::clean_text(head.path, 256));
  return error;
}

WireError wrong_method(const http::RequestHead& head, std::string_view allowed) {
  WireError error;
  error.status = 405;
  error.type = "invalid_request_error";
  error.message = fmt::format("{} is not a method of {}. Use {}.", json_fields::clean_text(head.method, 16),
                              json_fields::clean_text(head.path, 256), allowed);
  return error;
}

Error too_large(std::size_t limit) {
  return Error{ErrorCode::TooLarge,
               fmt::format("The request body is larger than the {} bytes that this call takes.", limit)};
}

WireError rejection(http::Rejection why, std::size_t body_limit) {
  WireError error;
  error.type = "invalid_request_error";
  switch (why) {
    case http::Rejection::Malformed:
      error.status = 400;
      error.message = "The request is not valid HTTP/1.1.";
      return error;
    case http::Rejection::HeadTooLarge:
      error.status = 431;
      error.message = "The request line and headers are too large. Send fewer or shorter ones.";
      return error;
    case http::Rejection::BodyTooLarge:
      return to_wire(too_large(body_limit));
    case http::Rejection::BodyTimeout:
      error.status = 408;
      error.message = "The request did not arrive in time: bodies must come at 64 KiB/s at the least. Send it again.";
      return error;
    case http::Rejection::Overloaded:
      error.status = 503;
      error.type = "overloaded_error";
      error.message = "The server has all the connections it can serve. Try again shortly.";
      error.retry_after = std::chrono::seconds(1);
      return error;
    case http::Rejection::NoRoomForBody:
      error.status = 503;
      error.type = "overloaded_error";
      error.message = "The server holds all the request bodies that it can. Try again shortly.";
      error.retry_after = std::chrono::seconds(1);
      return error;
    case http::Rejection::HandlerFailed:
      return to_wire(Error{});
  }
  return to_wire(Error{});
}

}  // namespace latchkey::api
