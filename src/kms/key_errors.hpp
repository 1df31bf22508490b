// What a KeyProvider's error says of the key: this, and nothing else, decides who drops leases and who keeps them.
#pragma once

#include "base/error.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

// Somebody said no: the key, or the way to it.
[[nodiscard]] inline bool is_refusal(const Error& error) {
  return error.code == ErrorCode::KeyDenied || error.code == ErrorCode::NetworkBlocked;
}

// The key, or the row that is needed to ask it, could not be reached: nobody refused anything.
[[nodiscard]] inline bool is_outage(const Error& error) {
  return error.code == ErrorCode::KeyUnreachable || error.code == ErrorCode::Unavailable ||
         error.code == ErrorCode::DeadlineExceeded;
}

// No turn came to ask the key. Its answer might have been a refusal: so it is no outage that leases go on over, and no
// news of the key.
[[nodiscard]] inline bool was_not_asked(const Error& error) {
  return error.code == ErrorCode::KeyUnreachable && error.reason == reason::kNoTurn;
}

// Its owner's terms kept the key from being asked, or the store could not say what they are (ReadTerms): no word of the
// key's own.
[[nodiscard]] inline bool failed_access_check(const Error& error) {
  return error.reason == reason::kSuspended || error.code == ErrorCode::Unavailable;
}

// The key does not wrap, and may unwrap all the same: an unwrap finds out. A cloud in which the same fault refuses both
// gives it another reason.
[[nodiscard]] inline bool concerns_wrapping_alone(std::string_view reason) {
  return reason == reason::kKeyExpired.code || reason == reason::kKeyNotYetValid.code ||
         reason == reason::kKeyOperation.code;
}
[[nodiscard]] inline bool concerns_wrapping_alone(const Error& error) {
  return concerns_wrapping_alone(error.reason.code());
}

}  // namespace latchkey::kms
