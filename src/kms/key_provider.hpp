// A KeyProvider does three things with a key that somebody else holds: it wraps, unwraps and describes. All providers
// pass one contract test, kms/testing/key_provider_contract.hpp.
//
// Every operation ends by its deadline. It returns these errors and no others:
//   KeyDenied       the key, or the way to it, refuses: disabled, expired, deleted, role missing, app not consented
//   NetworkBlocked  the vault's network rules refuse us
//   KeyUnreachable  the key could not be asked: time-out, throttling after retries, outage, name not found, no turn at
//                   the limiter (no_turn: the vault was not asked), or this server's own fault (its credential, its
//                   proxy, a request that was not understood)
//   Corrupt         unwrap alone: the provider says that this is no ciphertext of that key version
//   Invalid         the location or the request is wrong: a bug of ours or a damaged row
// and, where the provider was made with ReadTerms, KeyDenied (suspended) and Unavailable.
// The error's `reason` is one of kms/reasons.hpp or one of the cloud's own. Its cure is in the cloud's terms. It has
// the cloud's request id where the cloud gave one.
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

// How old the sign-in to the key's cloud may be when the key is asked, counted from the request for that sign-in. The
// two ages work like those of a lease.
struct SignInAges {
  std::chrono::milliseconds soft{300'000};    // from this age on, the provider signs in again
  std::chrono::milliseconds hard{3'600'000};  // up to this age, it serves where the cloud cannot be asked
};

// What a key's owner demands of everybody who asks the key.
struct OwnersTerms {
  // Absent: the server's own ages apply. The owner's soft age may not exceed the server's.
  std::optional<SignInAges> sign_in = std::nullopt;
};

// Reads the owner's terms as they are now; a provider calls it before each attempt to ask a key. Where it returns an
// error, the provider does not ask the key and returns that error: KeyDenied with reason "suspended" where the owner
// suspended the key, or Unavailable where the store could not say, whatever the store's error was.
using ReadTerms = std::function<Task<Result<OwnersTerms>>(const AskedFor&)>;

struct WrappedKey {
  std::string key_version;  // the version that wrapped, as the provider names it; unwrap needs it
  Bytes ciphertext;
};

struct UnwrappedKey {
  crypto::SecretBytes secret;
  // The id by which the customer's log names the call; empty where there is no log.
  std::string request_id = {};
};

struct KeyDescription {
  std::string key_version;
  std::string type;   // "RSA", "RSA-HSM", "EC", ...
  unsigned bits = 0;  // the length of the modulus
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

  // Wraps at most 190 bytes under the newest version of the key. Success does not prove that the key unwraps.
  virtual Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding,
                                        const crypto::SecretBytes& secret, Deadline deadline) = 0;
  // Needs the binding that the key was wrapped with.
  virtual Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                            Deadline deadline) = 0;
  // Describes the newest version of the key.
  virtual Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) = 0;
};

}  // namespace latchkey::kms
