// The table behind azure_reasons.hpp, which is the header to include: the texts of the reasons in Azure's own terms,
// with its signals and with az commands.
#pragma once

#include "clouds/azure/provider/reasons.hpp"
#include "kms/reason_text.hpp"

namespace latchkey::clouds::azure {

// All of Azure's own reasons, and those common ones that it words itself. The order is that of the pages made from it:
// by class, and within a class by where on the way to the key they arise. {names} are those of AzureArguments.
inline constexpr kms::ReasonText kReasonTable[] = {
    {&reason::kAppNotConsented, "AADSTS700016", "tenant {tenant} does not know the app {app}",
     "Consent to it there: `az ad sp create --id {app}`; or correct tenant_id to the tenant that governs the vault"},
    {&reason::kAppDisabled, "AADSTS7000112", "the app {app} is disabled in tenant {tenant}",
     "Enable it: `az ad sp update --id {app} --set accountEnabled=true`"},
    {&reason::kClientIdUnknown, "AADSTS700016, for a key registered with a client_id",
     "tenant {tenant} does not know the app {app}, for which the key is registered",
     "Register the key without client_id, and consent to our app {platform_app}: `az ad sp create --id "
     "{platform_app}`; or, if that app is your own, correct tenant_id to the tenant that has it"},
    {&reason::kClientIdUntrusted, "AADSTS7000215, 700027, 70021 and the like, for a key registered with a client_id",
     "the key is registered for the app {app}, which does not trust this server: {said}",
     "Register the key without client_id, and consent to our app {platform_app}: `az ad sp create --id "
     "{platform_app}`; or, if that app is your own, have it trust this server's credential"},
    {&reason::kTenantUnknown, "AADSTS90002, 900021, 900023", "there is no tenant {tenant} in this cloud",
     "Correct tenant_id to what \"`{show} --query properties.tenantId`\" prints"},
    {&reason::kTenantMismatch, "the vault's challenge; 401 AKV10032",
     "the vault {vault} is governed by {governing}, but tenant {tenant} is registered",
     "Register the tenant that \"`{show} --query properties.tenantId`\" prints"},
    {&reason::kWrongCloud, "AADSTS500011; the vault's challenge",
     "the key's vault is in another cloud than this server: {said}",
     "Register a key in this server's cloud, or have the operator run a server for the vault's"},
    {&reason::kConditionalAccess, "AADSTS53003, 530032, 530034",
     "a Conditional Access policy of tenant {tenant} blocks the app {app}",
     "Exclude its service principal from the policy, or add our egress ranges to the policy's named locations"},
    {&reason::kSignInRefused, "any other AADSTS that refuses", "tenant {tenant} gives the app {app} no token: {said}",
     "Look at the app's sign-ins in that tenant (Microsoft Entra ID, Sign-in logs, Service principal sign-ins)"},
    {&reason::kTokenRefused, "401, also with a second token",
     "vault {vault} does not take our token for tenant {tenant}: {said}",
     "Compare tenant_id with \"`{show} --query properties.tenantId`\""},
    {&reason::kRoleMissing, "403 ForbiddenByRbac",
     "the app {app} may not {act} key \"{key}\" in {vault}{note}: a role is missing on the key, or was granted a "
     "moment ago (Azure takes up to ten minutes; wait and try again){more}",
     "Grant it: `{grant}`"},
    {&reason::kAccessPolicyVault, "403 ForbiddenByPolicy",
     "the vault {vault} decides by access policies, and they do not let the app {app} {act} key \"{key}\"",
     "Let the vault decide by roles (`az keyvault update --name {vault_name} --enable-rbac-authorization true`), then "
     "grant one: `{grant}`"},
    {&reason::kKeyDisabled, "403 KeyDisabled; `enabled` is false", "key \"{key}\" in {vault} is disabled",
     "Enable it: `az keyvault key set-attributes {vault_option} --name {key} --enabled true`"},
    {&reason::kKeyExpired, "403 KeyExpired; `exp` has passed", "key \"{key}\" in {vault} has expired{when}",
     "Move its expiry: `az keyvault key set-attributes {vault_option} --name {key} --expires <yyyy-mm-ddThh:mm:ssZ>`; "
     "or make a new version: `az keyvault key rotate {vault_option} --name {key}`"},
    {&reason::kKeyNotYetValid, "403 KeyNotYetValid; `nbf` has not come",
     "key \"{key}\" in {vault} is not valid yet{when}",
     "Wait, or move its activation date: `az keyvault key set-attributes {vault_option} --name {key} --not-before "
     "<yyyy-mm-ddThh:mm:ssZ>`"},
    {&reason::kKeyDeleted,
     "404, and it is among the deleted keys; 409 ObjectIsDeletedButRecoverable, ObjectIsBeingDeleted",
     "key \"{key}\" in vault {vault} is deleted, and can be recovered until {until}",
     "Recover it: `az keyvault key recover {vault_option} --name {key}`"},
    {&reason::kKeyPurged, "404 on unwrap, and it is not among the deleted keys",
     "key \"{key}\" in vault {vault}, or the version of it that wrapped this, is gone: it was deleted, and is not "
     "among the vault's deleted keys any more",
     "What it wrapped can be unwrapped by nobody, unless the key is restored from a backup: `az keyvault key restore "
     "{vault_option} --file <backup>`. If it was deleted this very minute, validate it again shortly"},
    {&reason::kKeyNotFound, "404 KeyNotFound, where Key Vault does not say what became of it",
     "key \"{key}\"{note} in vault {vault} was deleted or never existed{more}",
     "Check vault_uri, and key_name with \"`az keyvault key list {vault_option}`\"; a deleted key can be recovered "
     "until it is purged: `az keyvault key recover {vault_option} --name {key}`"},
    {&reason::kVaultGone,
     "no such host (NXDOMAIN), twice in a minute or more, where the vault answered before and other vaults' names are "
     "there",
     "the vault {vault} is gone: it answered under that name before, and the name is not in DNS any more, while those "
     "of other vaults are",
     "A deleted vault is recovered with: `az keyvault recover --name {vault_name}`. If it was not deleted, have the "
     "operator look at what this server's DNS says of {vault}"},
    {&reason::kKeyOperation, "403 KeyOperationForbidden; `key_ops`",
     "key \"{key}\" in {vault} does not permit {operation}",
     "Permit both: `az keyvault key set-attributes {vault_option} --name {key} --ops wrapKey unwrapKey`"},
    {&reason::kKeyUnsuitable, "`kty`, and the length of `n`", "key \"{key}\" in {vault} {unfit}",
     "Make another key and register that one: `az keyvault key create {vault_option} --name {key} --kty RSA --size "
     "{size} --ops wrapKey unwrapKey` (with another --name: an existing key keeps its kind)"},
    {&reason::kOrganizationTagMissing, "`tags`, where the operator requires one",
     "key \"{key}\" in {vault} does not bear the tag \"{tag}\" = \"true\" that lets this organisation use it",
     "Add it beside the tags that are there (--tags replaces all): `az keyvault key set-attributes {vault_option} "
     "--name {key} --tags {tag}=true`"},
    {&reason::kAccessDenied, "403 that says no more",
     "vault {vault} refuses {operation} with key \"{key}\" to the app {app}: {said}",
     "Look at the vault's access control (IAM) and at the key; the role is granted with: `{grant}`"},
    {&reason::kVaultFirewall, "403 ForbiddenByFirewall",
     "the firewall of vault {vault} refuses us{note}; the key itself may be healthy",
     "Allow the address: `az keyvault network-rule add --name {vault_name} --ip-address <our egress range>`{more}. New "
     "rules can take minutes"},
    {&reason::kPublicAccessDisabled, "403 ForbiddenByConnection",
     "public network access to vault {vault} is disabled; private endpoints are not supported",
     "Enable it: `az keyvault update --name {vault_name} --public-network-access Enabled`"},
    {&reason::kThrottled, "429; AADSTS50196, 90055", "{host} is throttling requests",
     "Try again shortly; if a vault's throttling lasts, give this key a vault of its own: one allows about a hundred "
     "operations a second to RSA-3072 keys"},
    {&reason::kProviderFault, "5xx, redirects, responses that are not Azure's",
     "{host} answered {operation} {response}", "This is no matter of configuration; try again shortly"},
    {&reason::kVaultNameUnknown, "no such host (NXDOMAIN), until it is known that the vault is gone",
     "the host {host} does not exist in DNS: the vault's name is wrong, or the vault was deleted",
     "Compare it with: `az keyvault list --query \"[].properties.vaultUri\"`; a deleted vault is recovered with: `az "
     "keyvault recover --name {vault_name}`"},
    {&reason::kVaultAddressRefused, "the name resolves to a private address",
     "the host {host} resolves to an address that is not public",
     "The vault must be reachable at its public endpoint; private endpoints are not supported"},
    {&reason::kPlatformCredential,
     "AADSTS7000215, 7000222, 700027, 700024, 70021 and the like; a credential that cannot be read",
     "this server cannot prove its own identity to Entra ID as the app {app}: {said}",
     "This is for the server's operator to fix, not for the key's owner: {fix}"},
    {&reason::kRequestRejected, "400; AADSTS70011, 900144", "{host} did not understand {operation}: {said}",
     "This is a fault of the server's: tell its operator, with the ids that stand here"},
    {&reason::kWrappedKeyDamaged, "400 BadParameter on unwrap",
     "key \"{key}\" in vault {vault} did not wrap these bytes, or they are damaged: {said}",
     "Restore the data key from a backup of the database; the server's log names it"},
};

}  // namespace latchkey::clouds::azure
