// A KeyProvider does three things with a key that somebody else holds: wrap, unwrap, describe. One class a cloud. All
// providers pass one contract test, kms/testing/key_provider_contract.hpp.
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
// `reason` names the cause by kms/reason_catalogue.hpp; `message` names the cure, and the provider's request id
// where there is one.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "crypto/secret.hpp"

namespace latchkey::kms {

// The platform's own root key.
struct LocalKey {
  bool operator==(const LocalKey&) const = default;
};

// How old the sign-in to the key's cloud may be with which the key is asked, counted from when the cloud was asked for
// it: like the two ages of a lease.
struct SignInAges {
  std::chrono::milliseconds soft{300'000};    // then the cloud is asked anew
  std::chrono::milliseconds hard{3'600'000};  // up to which the old one serves where the cloud cannot be asked
};

// For whom a key is asked: what its owner is told apart by. No part of where the key is.
struct AskedFor {
  std::string organization;
  std::string external_key_id;  // empty where the key is not registered
  bool operator==(const AskedFor&) const { return true; }
};

// What a key's owner demands of whoever asks it.
struct OwnersTerms {
  std::optional<SignInAges> sign_in = std::nullopt;  // absent: the server's own, which the owner's soft may not exceed
};

// Reads them as they stand, before each attempt to ask a key. The error is the answer instead, and the key is not
// asked: its owner suspended it (KeyDenied with reason "suspended"); or the store could not say, whatever its error,
// which a provider gives as Unavailable.
using ReadTerms = std::function<Task<Result<OwnersTerms>>(const AskedFor&)>;

// A key in an Azure Key Vault or Managed HSM.
struct AzureKey {
  std::string vault_uri;  // as registered; azure/vault_uri.hpp checks it
  std::string key_name;
  std::string tenant_id;
  std::optional<std::string> client_id;  // an app of the customer's own instead of the platform's
  AskedFor asked_for = {};
  bool operator==(const AzureKey&) const = default;
};

// The one name of a vault, however its URI is spelled: the host, in lower case.
[[nodiscard]] std::string vault_host(const AzureKey& key);

using KeyLocation = std::variant<LocalKey, AzureKey>;

struct WrappedKey {
  std::string key_version;  // the version that wrapped, as the provider names it (Azure: the kid); unwrap needs it
  Bytes ciphertext;
};

struct UnwrappedKey {
  crypto::SecretBytes secret;
  // By which the customer's log names the call (Azure: correlationId, our x-ms-client-request-id); empty where there is
  // no log.
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
  virtual Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret,
                                        Deadline deadline) = 0;
  virtual Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const WrappedKey& wrapped, Deadline deadline) = 0;
  // The newest version of the key.
  virtual Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) = 0;
};

// Sends each location to its provider. Invalid for a location whose provider was not given.
class KeyProviders final : public KeyProvider {
 public:
  // Null where the server has none of that kind.
  KeyProviders(std::shared_ptr<KeyProvider> local, std::shared_ptr<KeyProvider> azure);
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret, Deadline deadline) override;
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const WrappedKey& wrapped, Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  [[nodiscard]] Result<KeyProvider*> provider_for(const KeyLocation& key) const;
  std::shared_ptr<KeyProvider> local_;
  std::shared_ptr<KeyProvider> azure_;
};

}  // namespace latchkey::kms
