#include "health/explanation.hpp"

#include "base/json_fields.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::health {

namespace {

constexpr std::size_t kMaxText = 2048;
constexpr std::string_view kTriedAgain =
    "Nothing is to be done: it is tried again, and leases bridge it while they last";
constexpr std::string_view kOwnersTurn = "The key's owner cures it; latchkey keys validate tells when it is done";
constexpr std::string_view kOperatorsTurn = "The server's operator looks into it; the log has more";

std::string_view cure_of_kind(ErrorCode code) {
  switch (code) {
    case ErrorCode::KeyDenied:
    case ErrorCode::NetworkBlocked:
      return kOwnersTurn;
    case ErrorCode::KeyUnreachable:
    case ErrorCode::DeadlineExceeded:
    case ErrorCode::Unavailable:
      return kTriedAgain;
    case ErrorCode::Invalid:
    case ErrorCode::Unauthenticated:
    case ErrorCode::PermissionDenied:
    case ErrorCode::NotFound:
    case ErrorCode::Conflict:
    case ErrorCode::TooLarge:
    case ErrorCode::RateLimited:
    case ErrorCode::ContextUnavailable:
    case ErrorCode::WrongKey:
    case ErrorCode::Corrupt:
    case ErrorCode::Internal:
      return kOperatorsTurn;
  }
  return kOperatorsTurn;
}

}  // namespace

Explanation explain(const Error& error) {
  Explanation why{std::string(error.reason.empty() ? to_string(error.code) : error.reason.code()),
                  json_fields::clean_text(error.cause, kMaxText), json_fields::clean_text(error.cure, kMaxText)};
  if (why.cure.empty()) why.cure = kms::common_cure(why.reason);
  if (why.cure.empty()) why.cure = cure_of_kind(error.code);
  return why;
}

}  // namespace latchkey::health
