// The reasons why a key does not serve that every cloud may have: one stable name for each cause, in Error::reason.
// kms/reason_table.hpp says what each means, and who cures it how. Clouds have further reasons of their own.
#pragma once

#include "base/reason.hpp"

namespace latchkey::kms::reason {

// An error's code decides whether leases are dropped or kept. It follows from the reason's class.
constexpr ReasonEntry refused(std::string_view code) {
  return {code, ReasonClass::Refused, ErrorCode::KeyDenied};
}
constexpr ReasonEntry network_blocked(std::string_view code) {
  return {code, ReasonClass::NetworkBlocked, ErrorCode::NetworkBlocked};
}
constexpr ReasonEntry unreachable(std::string_view code) {
  return {code, ReasonClass::Unreachable, ErrorCode::KeyUnreachable};
}
constexpr ReasonEntry ours(std::string_view code) {
  return {code, ReasonClass::Ours, ErrorCode::KeyUnreachable};
}
constexpr ReasonEntry alarm(std::string_view code) {
  return {code, ReasonClass::Alarm, ErrorCode::Corrupt};
}

// Somebody refused, and the key's owner cures it.
inline constexpr ReasonEntry kRoleMissing = refused("role_missing");
inline constexpr ReasonEntry kKeyDisabled = refused("key_disabled");
inline constexpr ReasonEntry kKeyExpired = refused("key_expired");
inline constexpr ReasonEntry kKeyNotYetValid = refused("key_not_yet_valid");
inline constexpr ReasonEntry kKeyDeleted = refused("key_deleted");     // it can be recovered
inline constexpr ReasonEntry kKeyPurged = refused("key_purged");       // it cannot
inline constexpr ReasonEntry kKeyNotFound = refused("key_not_found");  // the cloud does not say which
inline constexpr ReasonEntry kKeyOperation = refused("key_operation_not_allowed");
inline constexpr ReasonEntry kKeyUnsuitable = refused("key_unsuitable");  // its kind or size
inline constexpr ReasonEntry kOrganizationTagMissing = refused("organization_tag_missing");
inline constexpr ReasonEntry kAccessDenied = refused("access_denied");  // a refusal that says no more
inline constexpr ReasonEntry kSuspended = refused("suspended");         // by an admin, here: nobody was asked
// Nobody refused.
inline constexpr ReasonEntry kThrottled = unreachable("throttled");
inline constexpr ReasonEntry kTimedOut = unreachable("timed_out");
inline constexpr ReasonEntry kConnectionFailed = unreachable("connection_failed");  // reset, refused, DNS down
inline constexpr ReasonEntry kTlsFailed = unreachable("tls_failed");                // certificate or handshake
inline constexpr ReasonEntry kProviderFault = unreachable("provider_fault");        // 5xx, or no key service's response
// Nobody refused, and the operator cures it.
inline constexpr ReasonEntry kNoTurn = ours("no_turn");                          // nobody was asked: key_errors.hpp
inline constexpr ReasonEntry kPlatformCredential = ours("platform_credential");  // this server's own, to a cloud
inline constexpr ReasonEntry kProxyFailed = ours("proxy_failed");                // the outbound proxy
inline constexpr ReasonEntry kRequestRejected = ours("request_rejected");        // not understood: a bug of ours
// The platform's root key is there, but it is another one.
inline constexpr ReasonEntry kRootKeyMismatch{"root_key_mismatch", ReasonClass::Ours, ErrorCode::KeyDenied};
// What came back or what is stored is not what it was.
inline constexpr ReasonEntry kRoundTripMismatch = alarm("round_trip_mismatch");
inline constexpr ReasonEntry kWrappedKeyDamaged = alarm("wrapped_key_damaged");

}  // namespace latchkey::kms::reason
