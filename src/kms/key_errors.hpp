// What a KeyProvider's error says about the key. These functions alone decide whether leases are dropped or kept.
#pragma once

#include "base/error.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

// The key refused, or something on the way to it did.
[[nodiscard]] inline bool is_refusal(const Error& error) {
  return error.code == ErrorCode::KeyDenied || error.code == ErrorCode::NetworkBlocked;
}

// The key could not be reached, or the row that is needed to ask it. Nobody refused anything.
[[nodiscard]] inline bool is_outage(const Error& error) {
  return error.code == ErrorCode::KeyUnreachable || error.code == ErrorCode::Unavailable ||
         error.code == ErrorCode::DeadlineExceeded;
}

// The call got no turn, so nobody asked the key. Its response might have been a refusal. So this is no outage that
// leases may bridge, and it says nothing about the key's health.
[[nodiscard]] inline bool was_not_asked(const Error& error) {
  return error.code == ErrorCode::KeyUnreachable && error.reason == reason::kNoTurn;
}

// Its owner's terms forbade to ask the key, or the store could not say what the terms are (ReadTerms). Nobody asked the
// key.
[[nodiscard]] inline bool failed_access_check(const Error& error) {
  return error.reason == reason::kSuspended || error.code == ErrorCode::Unavailable;
}

// The key refuses to wrap, and may still unwrap; an unwrap finds out. Where the same fault refuses both, a cloud gives
// it another reason.
[[nodiscard]] inline bool concerns_wrapping_alone(std::string_view reason) {
  return reason == reason::kKeyExpired.code || reason == reason::kKeyNotYetValid.code ||
         reason == reason::kKeyOperation.code;
}
[[nodiscard]] inline bool concerns_wrapping_alone(const Error& error) {
  return concerns_wrapping_alone(error.reason.code());
}

}  // namespace latchkey::kms
