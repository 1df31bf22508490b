// Why a key does not serve: one stable name a cause, carried in Error::reason. What each means, whose it is to cure and
// how stands in kms/reason_catalogue.hpp, which has an entry for every name here.
#pragma once

#include <string_view>

namespace latchkey::kms::reason {

// Refused: somebody said no, to be cured by the key's owner.
inline constexpr std::string_view kAppNotConsented = "app_not_consented";       // AADSTS700016
inline constexpr std::string_view kAppDisabled = "app_disabled";                // AADSTS7000112
inline constexpr std::string_view kClientIdUnknown = "client_id_unknown";       // AADSTS700016, for an app of theirs
inline constexpr std::string_view kClientIdUntrusted = "client_id_untrusted";   // AADSTS7002x, for an app of theirs
inline constexpr std::string_view kTenantUnknown = "tenant_unknown";            // AADSTS90002, 900023
inline constexpr std::string_view kTenantMismatch = "tenant_mismatch";          // challenge, AKV10032
inline constexpr std::string_view kWrongCloud = "wrong_cloud";                  // AADSTS500011, challenge
inline constexpr std::string_view kConditionalAccess = "conditional_access";    // AADSTS53003
inline constexpr std::string_view kSignInRefused = "sign_in_refused";           // any other AADSTS that says no
inline constexpr std::string_view kTokenRefused = "token_refused";              // 401 of the vault
inline constexpr std::string_view kRoleMissing = "role_missing";                // ForbiddenByRbac
inline constexpr std::string_view kAccessPolicyVault = "access_policy_vault";   // ForbiddenByPolicy
inline constexpr std::string_view kKeyDisabled = "key_disabled";                // KeyDisabled
inline constexpr std::string_view kKeyExpired = "key_expired";                  // outside exp
inline constexpr std::string_view kKeyNotYetValid = "key_not_yet_valid";        // outside nbf
inline constexpr std::string_view kKeyDeleted = "key_deleted";                  // recoverable
inline constexpr std::string_view kKeyPurged = "key_purged";                    // not recoverable
inline constexpr std::string_view kKeyNotFound = "key_not_found";               // Key Vault does not say which
inline constexpr std::string_view kVaultGone = "vault_gone";                    // NXDOMAIN, where it answered before
inline constexpr std::string_view kKeyOperation = "key_operation_not_allowed";  // KeyOperationForbidden, key_ops
inline constexpr std::string_view kKeyUnsuitable = "key_unsuitable";            // type or size
inline constexpr std::string_view kOrganizationTagMissing = "organization_tag_missing";
inline constexpr std::string_view kAccessDenied = "access_denied";  // a refusal that says no more
inline constexpr std::string_view kSuspended = "suspended";         // by an admin, here: nobody was asked
// Network blocked: the vault's rules refuse our address.
inline constexpr std::string_view kVaultFirewall = "vault_firewall";                 // ForbiddenByFirewall
inline constexpr std::string_view kPublicAccessDisabled = "public_access_disabled";  // ForbiddenByConnection
// Unreachable: nobody refused.
inline constexpr std::string_view kThrottled = "throttled";
inline constexpr std::string_view kTimedOut = "timed_out";
inline constexpr std::string_view kConnectionFailed = "connection_failed";         // reset, refused, DNS down
inline constexpr std::string_view kTlsFailed = "tls_failed";                       // certificate or handshake
inline constexpr std::string_view kProviderFault = "provider_fault";               // 5xx, or no answer of a key service
inline constexpr std::string_view kVaultNameUnknown = "vault_name_unknown";        // NXDOMAIN
inline constexpr std::string_view kVaultAddressRefused = "vault_address_refused";  // resolves to a private address
// Ours: the operator's to cure; nobody refused.
inline constexpr std::string_view kNoTurn = "no_turn";                          // nobody was asked: key_errors.hpp
inline constexpr std::string_view kPlatformCredential = "platform_credential";  // secret, certificate, federated token
inline constexpr std::string_view kProxyFailed = "proxy_failed";                // the outbound proxy
inline constexpr std::string_view kRequestRejected = "request_rejected";        // not understood: a bug of ours
inline constexpr std::string_view kRootKeyMismatch = "root_key_mismatch";       // the platform's root key
// Alarms: what came back, or what is stored, is not what it was.
inline constexpr std::string_view kRoundTripMismatch = "round_trip_mismatch";
inline constexpr std::string_view kDataKeyBinding = "data_key_binding";  // envelope/wrapped_data_key
inline constexpr std::string_view kWrappedKeyDamaged = "wrapped_key_damaged";

}  // namespace latchkey::kms::reason
