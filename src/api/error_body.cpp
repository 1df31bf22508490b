#include "api/error_body.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "data/ciphertext_errors.hpp"
#include "keyring/reasons.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxMessage = 4096;
constexpr std::chrono::seconds kRetrySoon{5};

// The documented texts; what is known of this very case follows them.
constexpr std::string_view kKeyDisabled =
    "Customer-managed encryption key is disabled or revoked. Re-enable the key to restore access.";
constexpr std::string_view kNetworkBlocked =
    "The request was blocked by the key management service's network access controls. Allow this service's published "
    "addresses, then try again.";
constexpr std::string_view kUnreachable =
    "The workspace's customer-managed encryption key could not be reached. Try again shortly.";

std::string followed_by(std::string_view documented, std::string_view specific) {
  return specific.empty() ? std::string(documented) : fmt::format("{} {}", documented, specific);
}

std::chrono::seconds whole_seconds(std::chrono::milliseconds wait) {
  return std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1));
}

WireError plain(unsigned status, std::string_view type, const Error& error) {
  WireError wire;
  wire.status = status;
  wire.type = type;
  wire.message = error.message();
  wire.error_code = error.reason.code();
  if (error.beneath && error.beneath->reason.concerns_key()) wire.reason = error.beneath->reason.code();
  return wire;
}

WireError key_error(unsigned status, std::string_view type, const ReasonEntry& code, std::string_view documented,
                    const Error& error) {
  auto wire = plain(status, type, error);
  wire.message = followed_by(documented, error.message());
  wire.error_code = code.code;
  wire.reason = error.reason.code();
  return wire;
}

WireError temporary(WireError wire, const Error& error) {
  wire.retry_after = error.retry_after ? whole_seconds(*error.retry_after) : kRetrySoon;
  return wire;
}

WireError corrupt(const Error& error) {
  if (error.reason == data::error_code::kCiphertextCorrupt) return plain(400, "invalid_request_error", error);
  auto wire = plain(500, "api_error", error);
  wire.error_code = keyring::reason::kDataKeyCorrupt.code;
  if (error.reason.concerns_key()) wire.reason = error.reason.code();
  wire.final = true;
  return wire;
}

WireError internal() {
  WireError wire;
  wire.type = "api_error";
  wire.message = "Something went wrong on our side. The server's log has the cause under this request_id.";
  return wire;
}

}  // namespace

WireError to_wire(const Error& error) {
  switch (error.code) {
    case ErrorCode::Invalid:
    case ErrorCode::WrongKey:
      return plain(400, "invalid_request_error", error);
    case ErrorCode::Unauthenticated:
      return plain(401, "authentication_error", error);
    case ErrorCode::PermissionDenied:
      return plain(403, "permission_error", error);
    case ErrorCode::NotFound:
      return plain(404, "not_found_error", error);
    case ErrorCode::Conflict:
      return plain(409, "conflict_error", error);
    case ErrorCode::TooLarge:
      return plain(413, "request_too_large", error);
    case ErrorCode::KeyDenied:
      return key_error(400, "invalid_request_error", error_code::kKeyDisabled, kKeyDisabled, error);
    case ErrorCode::NetworkBlocked:
      return key_error(400, "invalid_request_error", error_code::kNetworkBlocked, kNetworkBlocked, error);
    case ErrorCode::KeyUnreachable:
      return temporary(key_error(503, "overloaded_error", error_code::kUnreachable, kUnreachable, error), error);
    case ErrorCode::ContextUnavailable: {
      auto wire = plain(503, "overloaded_error", error);
      wire.error_code = error_code::kContextUnavailable.code;
      return temporary(std::move(wire), error);
    }
    case ErrorCode::Corrupt:
      return corrupt(error);
    case ErrorCode::RateLimited:
      return temporary(plain(429, "rate_limit_error", error), error);
    case ErrorCode::DeadlineExceeded:
      return plain(504, "timeout_error", error);
    case ErrorCode::Unavailable:
      return temporary(plain(503, "overloaded_error", error), error);
    case ErrorCode::Internal:
      return internal();
  }
  return internal();
}

json::object error_object(const WireError& error) {
  json::object object{{"type", error.type}, {"message", json_fields::clean_text(error.message, kMaxMessage)}};
  if (error.error_code.empty()) return object;
  json::object details{{"error_code", error.error_code}};
  if (!error.reason.empty()) details["reason"] = error.reason;
  object["details"] = std::move(details);
  return object;
}

http::Response error_response(const WireError& error, std::string_view request_id) {
  json::object body{{"type", "error"}, {"error", error_object(error)}, {"request_id", request_id}};
  http::Response response;
  response.status = error.status;
  response.headers.add("content-type", "application/json");
  response.headers.add("request-id", std::string(request_id));
  if (error.retry_after) response.headers.add("retry-after", std::to_string(error.retry_after->count()));
  if (error.final) response.headers.add("x-should-retry", "false");
  response.body = json::serialize(body);
  return response;
}

}  // namespace latchkey::api
