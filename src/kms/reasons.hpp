// Why a key does not serve: one stable name a cause, carried in Error::reason and listed in docs/errors.md.
#pragma once

#include <string_view>

namespace latchkey::kms::reason {

// Refused (KeyDenied).
inline constexpr std::string_view kAppNotConsented = "app_not_consented";       // AADSTS700016
inline constexpr std::string_view kAppDisabled = "app_disabled";                // AADSTS7000112
inline constexpr std::string_view kTenantUnknown = "tenant_unknown";            // AADSTS90002, 900023
inline constexpr std::string_view kTenantMismatch = "tenant_mismatch";          // challenge, AKV10032
inline constexpr std::string_view kConditionalAccess = "conditional_access";    // AADSTS53003
inline constexpr std::string_view kPlatformCredential = "platform_credential";  // our side: secret, certificate
inline constexpr std::string_view kRoleMissing = "role_missing";                // ForbiddenByRbac
inline constexpr std::string_view kAccessPolicyVault = "access_policy_vault";   // ForbiddenByPolicy
inline constexpr std::string_view kKeyDisabled = "key_disabled";
inline constexpr std::string_view kKeyExpired = "key_expired";
inline constexpr std::string_view kKeyNotYetValid = "key_not_yet_valid";
inline constexpr std::string_view kKeyOperation = "key_operation_not_allowed";  // KeyOperationForbidden, key_ops
inline constexpr std::string_view kKeyNotFound = "key_not_found";
inline constexpr std::string_view kKeyDeleted = "key_deleted";        // recoverable
inline constexpr std::string_view kKeyUnsuitable = "key_unsuitable";  // type or size
inline constexpr std::string_view kOrganizationTagMissing = "organization_tag_missing";
inline constexpr std::string_view kAccessDenied = "access_denied";  // a refusal that says no more
// NetworkBlocked.
inline constexpr std::string_view kVaultFirewall = "vault_firewall";                 // ForbiddenByFirewall
inline constexpr std::string_view kPublicAccessDisabled = "public_access_disabled";  // ForbiddenByConnection
// KeyUnreachable.
inline constexpr std::string_view kVaultNameUnknown = "vault_name_unknown";        // NXDOMAIN
inline constexpr std::string_view kVaultAddressRefused = "vault_address_refused";  // resolves to a private address
inline constexpr std::string_view kThrottled = "throttled";
inline constexpr std::string_view kProviderFault = "provider_fault";  // 5xx
inline constexpr std::string_view kTimedOut = "timed_out";
inline constexpr std::string_view kConnectionFailed = "connection_failed";  // reset, refused, TLS, DNS down
// Corrupt.
inline constexpr std::string_view kRoundTripMismatch = "round_trip_mismatch";

}  // namespace latchkey::kms::reason
