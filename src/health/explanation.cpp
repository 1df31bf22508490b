#include "health/explanation.hpp"

#include <optional>

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

bool begins_a_sentence(char c) {
  return c >= 'A' && c <= 'Z';
}

// Where the second sentence begins; absent where there is none.
std::optional<std::size_t> second_sentence(std::string_view text) {
  for (auto end = text.find(". "); end != std::string_view::npos; end = text.find(". ", end + 1)) {
    if (end + 2 < text.size() && begins_a_sentence(text[end + 2])) return end + 2;
  }
  return std::nullopt;
}

}  // namespace

Explanation explain(const Error& error) {
  auto text = json_fields::clean_text(error.message(), kMaxText);
  Explanation why{std::string(error.reason.empty() ? to_string(error.code) : error.reason.code()), text, ""};
  const auto* entry = kms::find_reason(error.reason.code());
  auto cure = entry == nullptr ? std::nullopt : kms::find_cure(*entry, text);
  if (!cure) cure = second_sentence(text);
  if (cure) {
    why.cause = text.substr(0, *cure - 2);
    why.cure = text.substr(*cure);
  } else {
    why.cure = entry == nullptr ? cure_of_kind(error.code) : kms::cure_of(*entry, {});
  }
  return why;
}

}  // namespace latchkey::health
