#include "base/error.hpp"

#include <fmt/format.h>

namespace latchkey {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::Invalid:
      return "invalid";
    case ErrorCode::Unauthenticated:
      return "unauthenticated";
    case ErrorCode::PermissionDenied:
      return "permission_denied";
    case ErrorCode::NotFound:
      return "not_found";
    case ErrorCode::Conflict:
      return "conflict";
    case ErrorCode::TooLarge:
      return "too_large";
    case ErrorCode::KeyDenied:
      return "key_denied";
    case ErrorCode::NetworkBlocked:
      return "network_blocked";
    case ErrorCode::KeyUnreachable:
      return "key_unreachable";
    case ErrorCode::ContextUnavailable:
      return "context_unavailable";
    case ErrorCode::WrongKey:
      return "wrong_key";
    case ErrorCode::Corrupt:
      return "corrupt";
    case ErrorCode::RateLimited:
      return "rate_limited";
    case ErrorCode::DeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::Unavailable:
      return "unavailable";
    case ErrorCode::Internal:
      return "internal";
  }
  return "internal";
}

Error caused_by(Error cause, ErrorCode code, std::string message, std::string reason) {
  auto retry_after = cause.retry_after;
  return Error{code, std::move(message), std::move(reason), retry_after,
               std::make_shared<const Error>(std::move(cause))};
}

std::string describe(const Error& error) {
  auto text = fmt::format("{}: {}", to_string(error.code), error.message);
  if (error.cause) text += fmt::format(" (caused by: {})", describe(*error.cause));
  return text;
}

}  // namespace latchkey
