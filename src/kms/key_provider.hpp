// A KeyProvider does three things with a key that somebody else holds: wrap, unwrap, describe. All providers pass one
// contract test, kms/testing/key_provider_contract.hpp.
//
// Every operation ends by its deadline. Its errors, and nothing else:
//   KeyDenied       the key, or the way to it, refuses: disabled, expired, deleted, role missing, app not consented
//   NetworkBlocked  the vault's network rules refuse us
//   KeyUnreachable  the key could not be asked: time-out, throttling after retries, outage, name not found, no turn at
//                   the limiter (no_turn: the vault was not asked), or this server's own fault (its credential, its
//                   proxy, a request that was not understood)
//   Corrupt         unwrap alone: the provider says that this is no ciphertext of that key version
//   Invalid         the location or the request is wrong: a bug of ours or a damaged row
// and, where it was given ReadTerms, KeyDenied (suspended) and Unavailable.
// `reason` is of kms/reasons.hpp, or one of the cloud's own; the cure is in the cloud's terms, and the provider's
// request id is there where it gave one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "crypto/secret.hpp"
#include "kms/key.hpp"

namespace latchkey::kms {

// How old the sign-in to the key's cloud may be with which the key is asked, counted from when the cloud was asked for
// it: like the two ages of a lease.
struct SignInAges {
  std::chrono::milliseconds soft{300'000};    // then the cloud is asked anew
  std::chrono::milliseconds hard{3'600'000};  // up to which the old one serves where the cloud cannot be asked
};

// What a key's owner demands of whoever asks it.
struct OwnersTerms {
  std::optional<SignInAges> sign_in = std::nullopt;  // absent: the server's own, which the owner's soft may not exceed
};

// Reads them as they stand, before each attempt to ask a key. The error is the answer instead, and the key is not
// asked: its owner suspended it (KeyDenied with reason "suspended"); or the store could not say, whatever its error,
// which a provider gives as Unavailable.
using ReadTerms = std::function<Task<Result<OwnersTerms>>(const AskedFor&)>;

struct WrappedKey {
  std::string key_version;  // the version that wrapped, as the provider names it; unwrap needs it
  Bytes ciphertext;
};

struct UnwrappedKey {
  crypto::SecretBytes secret;
  // By which the customer's log names the call; empty where there is no log.
  std::string request_id = {};
};

struct KeyDescription {
  std::string key_version;
  std::string type;   // "RSA", "RSA-HSM", "EC", ...
  unsigned bits = 0;  // of the modulus
  bool enabled = false;
  std::optional<Timestamp> not_before;
  std::optional<Timestamp> expires;
  std::vector<std::string> operations;
  std::vector<std::pair<std::string, std::string>> tags;
};

class KeyProvider {
 public:
  KeyProvider() = default;
  KeyProvider(const KeyProvider&) = delete;
  KeyProvider& operator=(const KeyProvider&) = delete;
  virtual ~KeyProvider() = default;

  // Wraps at most 190 bytes under the newest version of the key. That it worked proves nothing about unwrapping.
  virtual Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding,
                                        const crypto::SecretBytes& secret, Deadline deadline) = 0;
  // With the binding that it was wrapped with.
  virtual Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                            Deadline deadline) = 0;
  // The newest version of the key.
  virtual Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) = 0;
};

}  // namespace latchkey::kms
