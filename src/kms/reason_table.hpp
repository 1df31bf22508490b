// The table behind kms/reason_catalogue.hpp, which is the header to include: the texts of the reasons that all clouds
// share. A cloud may replace any of them by words of its own.
#pragma once

#include "envelope/reasons.hpp"
#include "kms/reason_text.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

// The order is that of the pages made from it: by class. {names} are those of ReasonArguments.
inline constexpr ReasonText kCommonReasons[] = {
    {&reason::kRoleMissing, "a refusal that names a right",
     "this service may not use key \"{key}\": a right on it is missing, or was granted a moment ago",
     "Grant it; if it was just granted, wait and try again"},
    {&reason::kKeyDisabled, "the key, or its newest version, is off", "key \"{key}\" is disabled", "Enable it"},
    {&reason::kKeyExpired, "the last day has passed", "key \"{key}\" has expired{when}",
     "Move its expiry, or make a new version"},
    {&reason::kKeyNotYetValid, "the first day has not come", "key \"{key}\" is not valid yet{when}",
     "Wait, or move its activation date"},
    {&reason::kKeyDeleted, "it is among the deleted keys", "key \"{key}\" is deleted, and can be recovered",
     "Recover it"},
    {&reason::kKeyPurged, "it is not even among the deleted keys",
     "key \"{key}\", or the version of it that wrapped this, is gone",
     "What it wrapped can be unwrapped by nobody, unless the key is restored from a backup"},
    {&reason::kKeyNotFound, "no such key, where the cloud does not say what became of it",
     "key \"{key}\" was deleted or never existed",
     "Check how it is registered; a deleted key can be recovered for a while"},
    {&reason::kKeyOperation, "the key is not made for it", "key \"{key}\" does not permit {operation}",
     "Permit both wrapping and unwrapping"},
    {&reason::kKeyUnsuitable, "the key's kind and size", "key \"{key}\" is not of a kind that serves",
     "Make another key and register that one"},
    {&reason::kOrganizationTagMissing, "the mark on the key, where the operator requires one",
     "key \"{key}\" does not bear the mark that lets this organisation use it", "Add it"},
    {&reason::kAccessDenied, "a refusal that says no more", "{host} refuses {operation} with key \"{key}\": {said}",
     "Look at who may use the key"},
    {&reason::kSuspended, "nothing: the vault is not asked",
     "external key {external_key} was suspended here by {suspender}{note}",
     "An admin of the organisation ends it: `latchkey keys resume {external_key}`"},
    {&reason::kThrottled, "429", "{host} is throttling requests", "Try again shortly"},
    {&reason::kTimedOut, "no response in time; 408", "{host} did not answer in time{note}", "Try again shortly"},
    {&reason::kConnectionFailed, "a connection refused or reset, DNS that does not answer",
     "{host} could not be reached: {said}", "Try again shortly"},
    {&reason::kTlsFailed, "a certificate or handshake that fails", "{host} could not be reached safely: {said}",
     "Nothing was sent to it. If it lasts, have the operator check this server's clock, its CA file, and whether a "
     "proxy opens its connections"},
    {&reason::kProviderFault, "5xx, redirects, responses that are not a key service's",
     "{host} answered {operation} {response}", "This is no matter of configuration; try again shortly"},
    {&reason::kNoTurn, "nothing: the vault is not asked",
     "no turn came in time to ask {host}{note}: nothing is known of the key, and no lease is used on for it",
     "Try again shortly; if it lasts, the organisation asks this vault for more than it answers"},
    {&reason::kPlatformCredential, "a credential of this server that is refused, or that cannot be read",
     "this server cannot prove its own identity to {host}: {said}",
     "This is for the server's operator to fix, not for the key's owner"},
    {&reason::kProxyFailed, "the outbound proxy refuses or fails",
     "this server's own proxy does not lead to {host}: {said}",
     "This is for the server's operator to fix: check the outbound proxy that is configured"},
    {&reason::kRequestRejected, "400", "{host} did not understand {operation}: {said}",
     "This is a fault of the server's: tell its operator, with the ids that stand here"},
    {&reason::kRootKeyMismatch, "another root key file than the one that wrapped",
     "the platform's root key is another one than the one that wrapped this data key",
     "Restore the root key file from its backup"},
    {&reason::kRoundTripMismatch, "an unwrap that gives something else back",
     "what the key wrapped did not come back the same when it was unwrapped",
     "Nothing was encrypted under what came back. Validate the key; if it lasts, make a new key version, and tell the "
     "key service's support"},
    {&envelope::reason::kDataKeyBinding, "an unwrap that gives a data key of another place, or no data key",
     "the wrapped data key is not what was stored: {said}",
     "Somebody changed the database, or it was restored in part: restore the data key from a backup; the server's log "
     "names it"},
    {&reason::kWrappedKeyDamaged, "an unwrap that is refused for its bytes",
     "key \"{key}\" did not wrap these bytes, or they are damaged: {said}",
     "Restore the data key from a backup of the database; the server's log names it"},
};

}  // namespace latchkey::kms
