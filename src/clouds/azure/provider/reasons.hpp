// The reasons why a key does not serve that only Azure has. The reasons that all clouds share have their names here,
// too: reason::kKeyDisabled. reason_table.hpp has the texts.
#pragma once

#include "kms/reasons.hpp"

namespace latchkey::clouds::azure::reason {

using namespace kms::reason;

inline constexpr ReasonEntry kAppNotConsented = refused("app_not_consented");      // AADSTS700016
inline constexpr ReasonEntry kAppDisabled = refused("app_disabled");               // AADSTS7000112
inline constexpr ReasonEntry kClientIdUnknown = refused("client_id_unknown");      // AADSTS700016, for an app of theirs
inline constexpr ReasonEntry kClientIdUntrusted = refused("client_id_untrusted");  // AADSTS7002x, for an app of theirs
inline constexpr ReasonEntry kTenantUnknown = refused("tenant_unknown");           // AADSTS90002, 900023
inline constexpr ReasonEntry kTenantMismatch = refused("tenant_mismatch");         // challenge, AKV10032
inline constexpr ReasonEntry kWrongCloud = refused("wrong_cloud");                 // AADSTS500011, challenge
inline constexpr ReasonEntry kConditionalAccess = refused("conditional_access");   // AADSTS53003
inline constexpr ReasonEntry kSignInRefused = refused("sign_in_refused");          // any other AADSTS that says no
inline constexpr ReasonEntry kTokenRefused = refused("token_refused");             // 401 of the vault
inline constexpr ReasonEntry kAccessPolicyVault = refused("access_policy_vault");  // ForbiddenByPolicy
inline constexpr ReasonEntry kVaultGone = refused("vault_gone");                   // NXDOMAIN, where it answered before
inline constexpr ReasonEntry kVaultFirewall = network_blocked("vault_firewall");   // ForbiddenByFirewall
inline constexpr ReasonEntry kPublicAccessDisabled =
    network_blocked("public_access_disabled");                                             // ForbiddenByConnection
inline constexpr ReasonEntry kVaultNameUnknown = unreachable("vault_name_unknown");        // NXDOMAIN
inline constexpr ReasonEntry kVaultAddressRefused = unreachable("vault_address_refused");  // a private address

}  // namespace latchkey::clouds::azure::reason
