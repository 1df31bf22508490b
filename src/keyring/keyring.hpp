// The keyring: data keys, unwrapped for as long as the customer's key lets us in. It makes a compartment's first data
// key, leases unwrapped ones, unwraps each at most once at a time, and drops them when the customer's key refuses.
//
// A lease has two ages. Up to `soft` it is used as it is. Then one successful unwrap under the same external key renews
// every lease of that key; where the key refuses (KeyDenied, NetworkBlocked) all of them are dropped at once and wiped;
// where it cannot be asked (KeyUnreachable) they go on up to `hard`, and never past it. Where it was not asked, as no
// turn came (kms::was_not_asked), they do not. Of a key in use the renewal
// begins by itself when it is due, once each `soft`, and nobody waits for it; who comes after an idle time does.
//
// A refusal is the answer to everybody until a probe in the background finds that it is over; an outage, too, is
// answered from memory between tries. Both are tried again ever more slowly (KeyringSettings).
//
// A customer can disable one version of a key and leave the others: a version that lets us in speaks for itself alone,
// so renewal is by the version that wrapped. A refusal speaks for the whole key.
//
// A compartment's active data key is replaced as data_key_rotation.hpp says. Nobody waits for that: it is looked at
// when the row is read, once in `soft` at most, and what is under way meanwhile is encrypted with the old one.
//
// A data key is durable in the store, and has been unwrapped once and compared, before it encrypts anything.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "envelope/data_key.hpp"
#include "keyring/compartment.hpp"
#include "keyring/data_key_rotation.hpp"
#include "keyring/key_access_check.hpp"
#include "keyring/key_observer.hpp"
#include "keyring/key_version_state.hpp"
#include "keyring/lease_drop.hpp"
#include "keyring/usage_meter.hpp"
#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

struct KeyringSettings {
  LeaseAges ages;
  // The longest that a key is to be used outside of the keyring before it is asked for again, whatever `soft` is.
  std::chrono::milliseconds most_loan{60'000};
  std::chrono::milliseconds kms_timeout{30'000};  // for one wrap or unwrap, its turn at the vault included
  BackoffSettings probes{std::chrono::seconds(10), std::chrono::seconds(60)};  // of a key that refuses
  BackoffSettings tries{std::chrono::seconds(1), std::chrono::seconds(30)};    // of a key that cannot be asked
  std::size_t max_leases = 100'000;                                            // least recently used go first
  DataKeyLimits data_keys;
  // Called in the transaction that replaces a data key; may be empty.
  std::function<Result<void>(store::Transaction&, const DataKeyReplaced&)> record_replacement;
  // Asked before an external key wraps or unwraps anything. A refusal drops the key's leases.
  KeyAccessCheck access_check;
  // Unwraps where a key that let us in is asked whether it still does; null: the provider of all else. Outlives the
  // keyring.
  kms::KeyProvider* renewals = nullptr;
  // What data keys encrypted beyond what their rows show, which decides when to replace them; null: nothing. Outlives
  // the keyring.
  const UsageMeter* usage = nullptr;
};

struct Lease {
  std::shared_ptr<const envelope::DataKey> key;  // wiped when the last holder lets go
  std::optional<std::string> external_key_id;
  AgeTime expires_at;  // the hard age
  // When one who holds the key outside of the keyring must ask again: soft after the key last let us in, or, while its
  // answer is waited for or an outage is bridged, in a moment; never past the hard age, nor KeyringSettings::most_loan
  // from now.
  AgeTime ask_again_at;
  bool bridged = false;  // used past its age, as the key cannot be asked
  // By which the customer's log names the unwrap that this rides on: the latest under the external key's version. Null
  // where there is no such log.
  std::shared_ptr<const std::string> kms_request_id = nullptr;
  Dropped dropped = nullptr;  // read by Keyring::may_use
};

class Keyring {
 public:
  // All references outlive the keyring and, as flights may outlast it, the last run of the executor's context.
  // `executor` runs flights that several callers share: a caller that goes away or runs out of time leaves them be.
  // `observer` may be null.
  Keyring(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
          boost::asio::any_io_executor executor, KeyringSettings settings, KeyObserver* observer = nullptr);
  ~Keyring();
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;

  // The compartment's active data key, made first where there is none. Errors: those of kms::KeyProvider, those of the
  // store, DeadlineExceeded where there was no time to begin with, KeyUnreachable (timed_out) where it ended while the
  // key was waited for; Corrupt where a wrapped key does not belong to its place (written to the log as an
  // integrity alarm).
  [[nodiscard]] Task<Result<Lease>> for_encryption(Compartment compartment, Deadline deadline);

  // The data key that a ciphertext names, wrapped by the compartment's external key or, from before it was attached, by
  // the platform's root key. NotFound where the compartment has no such data key, Invalid with reason
  // data_key_destroyed where it was destroyed.
  [[nodiscard]] Task<Result<Lease>> for_decryption(Compartment compartment, RawId data_key_id, Deadline deadline);

  // The same data keys where they are on lease and need not be waited for, which is nearly always: the one named, or,
  // where none is, the one that encrypts. Nothing where one of the two above must be asked. Waits for nobody and looks
  // at no deadline; a renewal that is due is begun behind the caller.
  [[nodiscard]] std::optional<Lease> at_hand(const Compartment& compartment, const std::optional<RawId>& data_key_id);

  // False once the lease was dropped (its key refused, or was evicted as it was suspended), or its data key was
  // destroyed. To be asked between the last suspension of one who holds a lease and its use, and between its use and
  // the answer; where it is false, what was had is thrown away, and the keyring is asked again. Takes no lock.
  [[nodiscard]] bool may_use(const Compartment& compartment, const Lease& lease) const;

  // Whether the data key is on lease here, so that nobody refused it since it was lent. Asks nobody, and is no use of
  // the lease. False, too, where this keyring has it no longer, or never had: who was lent it asks for it again.
  [[nodiscard]] bool holds(const Compartment& compartment, const RawId& data_key_id) const;

  // Data keys that are destroyed in the store already: drops and wipes their leases, now, and keeps none that a flight
  // brings which had read the row before.
  void forget(const Uuid& compartment, const std::vector<RawId>& data_key_ids);
  // Drops and wipes every lease under the external key, now.
  void evict(const std::string& external_key_id);
  // Begins renewals and probes that are due, a few at a time so that requests come in between, and wipes what is past
  // the hard age. Says when it wants to be called again; where it is not, requests do it, and wait.
  [[nodiscard]] std::chrono::milliseconds attend();
  // How many leases are held.
  [[nodiscard]] std::size_t size() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::keyring
