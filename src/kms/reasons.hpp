// Why a key does not serve: one stable name a cause, carried in Error::reason. What each means, whose it is to cure and
// how stands in kms/reason_catalogue.hpp, which has a text for every one.
#pragma once

#include "base/reason.hpp"

namespace latchkey::kms::reason {

// Refused: somebody said no, to be cured by the key's owner.
inline constexpr ReasonEntry kAppNotConsented{"app_not_consented", ReasonClass::Refused,
                                              ErrorCode::KeyDenied};                                    // AADSTS700016
inline constexpr ReasonEntry kAppDisabled{"app_disabled", ReasonClass::Refused, ErrorCode::KeyDenied};  // AADSTS7000112
inline constexpr ReasonEntry kClientIdUnknown{"client_id_unknown", ReasonClass::Refused,
                                              ErrorCode::KeyDenied};  // AADSTS700016, for an app of theirs
inline constexpr ReasonEntry kClientIdUntrusted{"client_id_untrusted", ReasonClass::Refused,
                                                ErrorCode::KeyDenied};  // AADSTS7002x, for an app of theirs
inline constexpr ReasonEntry kTenantUnknown{"tenant_unknown", ReasonClass::Refused,
                                            ErrorCode::KeyDenied};  // AADSTS90002, 900023
inline constexpr ReasonEntry kTenantMismatch{"tenant_mismatch", ReasonClass::Refused,
                                             ErrorCode::KeyDenied};  // challenge, AKV10032
inline constexpr ReasonEntry kWrongCloud{"wrong_cloud", ReasonClass::Refused,
                                         ErrorCode::KeyDenied};  // AADSTS500011, challenge
inline constexpr ReasonEntry kConditionalAccess{"conditional_access", ReasonClass::Refused,
                                                ErrorCode::KeyDenied};  // AADSTS53003
inline constexpr ReasonEntry kSignInRefused{"sign_in_refused", ReasonClass::Refused,
                                            ErrorCode::KeyDenied};  // any other AADSTS that says no
inline constexpr ReasonEntry kTokenRefused{"token_refused", ReasonClass::Refused,
                                           ErrorCode::KeyDenied};  // 401 of the vault
inline constexpr ReasonEntry kRoleMissing{"role_missing", ReasonClass::Refused,
                                          ErrorCode::KeyDenied};  // ForbiddenByRbac
inline constexpr ReasonEntry kAccessPolicyVault{"access_policy_vault", ReasonClass::Refused,
                                                ErrorCode::KeyDenied};  // ForbiddenByPolicy
inline constexpr ReasonEntry kKeyDisabled{"key_disabled", ReasonClass::Refused, ErrorCode::KeyDenied};  // KeyDisabled
inline constexpr ReasonEntry kKeyExpired{"key_expired", ReasonClass::Refused, ErrorCode::KeyDenied};    // outside exp
inline constexpr ReasonEntry kKeyNotYetValid{"key_not_yet_valid", ReasonClass::Refused,
                                             ErrorCode::KeyDenied};                                   // outside nbf
inline constexpr ReasonEntry kKeyDeleted{"key_deleted", ReasonClass::Refused, ErrorCode::KeyDenied};  // recoverable
inline constexpr ReasonEntry kKeyPurged{"key_purged", ReasonClass::Refused, ErrorCode::KeyDenied};    // not recoverable
inline constexpr ReasonEntry kKeyNotFound{"key_not_found", ReasonClass::Refused,
                                          ErrorCode::KeyDenied};  // Key Vault does not say which
inline constexpr ReasonEntry kVaultGone{"vault_gone", ReasonClass::Refused,
                                        ErrorCode::KeyDenied};  // NXDOMAIN, where it answered before
inline constexpr ReasonEntry kKeyOperation{"key_operation_not_allowed", ReasonClass::Refused,
                                           ErrorCode::KeyDenied};  // KeyOperationForbidden, key_ops
inline constexpr ReasonEntry kKeyUnsuitable{"key_unsuitable", ReasonClass::Refused,
                                            ErrorCode::KeyDenied};  // type or size
inline constexpr ReasonEntry kOrganizationTagMissing{"organization_tag_missing", ReasonClass::Refused,
                                                     ErrorCode::KeyDenied};
inline constexpr ReasonEntry kAccessDenied{"access_denied", ReasonClass::Refused,
                                           ErrorCode::KeyDenied};  // a refusal that says no more
inline constexpr ReasonEntry kSuspended{"suspended", ReasonClass::Refused,
                                        ErrorCode::KeyDenied};  // by an admin, here: nobody was asked
// Network blocked: the vault's rules refuse our address.
inline constexpr ReasonEntry kVaultFirewall{"vault_firewall", ReasonClass::NetworkBlocked,
                                            ErrorCode::NetworkBlocked};  // ForbiddenByFirewall
inline constexpr ReasonEntry kPublicAccessDisabled{"public_access_disabled", ReasonClass::NetworkBlocked,
                                                   ErrorCode::NetworkBlocked};  // ForbiddenByConnection
// Unreachable: nobody refused.
inline constexpr ReasonEntry kThrottled{"throttled", ReasonClass::Unreachable, ErrorCode::KeyUnreachable};
inline constexpr ReasonEntry kTimedOut{"timed_out", ReasonClass::Unreachable, ErrorCode::KeyUnreachable};
inline constexpr ReasonEntry kConnectionFailed{"connection_failed", ReasonClass::Unreachable,
                                               ErrorCode::KeyUnreachable};  // reset, refused, DNS down
inline constexpr ReasonEntry kTlsFailed{"tls_failed", ReasonClass::Unreachable,
                                        ErrorCode::KeyUnreachable};  // certificate or handshake
inline constexpr ReasonEntry kProviderFault{"provider_fault", ReasonClass::Unreachable,
                                            ErrorCode::KeyUnreachable};  // 5xx, or no answer of a key service
inline constexpr ReasonEntry kVaultNameUnknown{"vault_name_unknown", ReasonClass::Unreachable,
                                               ErrorCode::KeyUnreachable};  // NXDOMAIN
inline constexpr ReasonEntry kVaultAddressRefused{"vault_address_refused", ReasonClass::Unreachable,
                                                  ErrorCode::KeyUnreachable};  // resolves to a private address
// Ours: the operator's to cure; nobody refused.
inline constexpr ReasonEntry kNoTurn{"no_turn", ReasonClass::Ours,
                                     ErrorCode::KeyUnreachable};  // nobody was asked: key_errors.hpp
inline constexpr ReasonEntry kPlatformCredential{"platform_credential", ReasonClass::Ours,
                                                 ErrorCode::KeyUnreachable};  // secret, certificate, federated token
inline constexpr ReasonEntry kProxyFailed{"proxy_failed", ReasonClass::Ours,
                                          ErrorCode::KeyUnreachable};  // the outbound proxy
inline constexpr ReasonEntry kRequestRejected{"request_rejected", ReasonClass::Ours,
                                              ErrorCode::KeyUnreachable};  // not understood: a bug of ours
inline constexpr ReasonEntry kRootKeyMismatch{"root_key_mismatch", ReasonClass::Ours,
                                              ErrorCode::KeyDenied};  // the platform's root key
// Alarms: what came back, or what is stored, is not what it was.
inline constexpr ReasonEntry kRoundTripMismatch{"round_trip_mismatch", ReasonClass::Alarm, ErrorCode::Corrupt};
inline constexpr ReasonEntry kWrappedKeyDamaged{"wrapped_key_damaged", ReasonClass::Alarm, ErrorCode::Corrupt};

}  // namespace latchkey::kms::reason
