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

std::string Error::message() const {
  auto text = cause;
  if (!cure.empty()) {
    bool ended = text.ends_with('.') || text.ends_with('!') || text.ends_with('?');
    if (!text.empty()) text += ended ? " " : ". ";
    text += cure;
  }
  if (!request_id.empty()) text += fmt::format(" ({})", request_id);
  return text;
}

Error caused_by(Error beneath, ErrorCode code, std::string cause, Reason reason) {
  Error error{code, std::move(cause), std::move(reason)};
  error.retry_after = beneath.retry_after;
  error.beneath = std::make_shared<const Error>(std::move(beneath));
  return error;
}

std::string describe(const Error& error) {
  auto text = fmt::format("{}: {}", to_string(error.code), error.message());
  if (error.beneath) text += fmt::format(" (caused by: {})", describe(*error.beneath));
  return text;
}

}  // namespace latchkey
