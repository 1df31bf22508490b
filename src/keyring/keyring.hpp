// The keyring holds data keys, unwrapped for as long as the customer's key lets us in. It makes a compartment's first
// data key, leases unwrapped ones, unwraps each at most once at a time, and drops them when the customer's key refuses.
//
// A lease has two ages. Up to `soft` callers use it as it is. Then one successful unwrap under the same external key
// renews every lease of that key. Where the key refuses (KeyDenied, NetworkBlocked), the keyring drops and wipes all of
// them at once. Where nobody can ask the key (KeyUnreachable), they serve on up to `hard`, and never past it; but not
// where a request did not get its turn to ask (kms::was_not_asked). While callers use a key, its renewal begins by
// itself, once each `soft`, and no request waits for it. A request for an idle key waits for one unwrap.
//
// After a refusal every request gets that refusal until a probe in the background finds that it is over. After an
// outage, too, requests get the remembered outage between two tries. The keyring tries both again ever more slowly
// (KeyringSettings).
//
// A customer can disable one version of a key and leave the others enabled. A version that lets us in says nothing of
// the others, so the version that wrapped a data key renews its lease. A refusal counts for the whole key.
//
// The keyring replaces a compartment's active data key as data_key_rotation.hpp says. No request waits for that: the
// keyring checks when it reads the row, at most once in `soft`, and requests in the meantime encrypt with the old one.
//
// A data key is durable in the store, and the keyring has unwrapped it once and compared it, before it encrypts
// anything.
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
  // Whatever `soft` is, a client that uses a leased data key on its own machine asks for it again after this time.
  std::chrono::milliseconds longest_client_lease{60'000};
  std::chrono::milliseconds kms_timeout{30'000};  // for one wrap or unwrap, its turn at the vault included
  BackoffSettings probes{std::chrono::seconds(10), std::chrono::seconds(60)};  // of a key that refuses
  BackoffSettings tries{std::chrono::seconds(1), std::chrono::seconds(30)};    // of a key that cannot be asked
  std::size_t max_leases = 100'000;                                            // least recently used go first
  DataKeyLimits data_keys;
  // The keyring calls it in the transaction that replaces a data key; may be empty.
  std::function<Result<void>(store::Transaction&, const DataKeyReplaced&)> record_replacement;
  // The keyring calls it before it asks an external key to wrap or unwrap. A refusal drops the key's leases.
  KeyAccessCheck access_check;
  // Unwraps where the keyring asks a key that let us in whether it still does; null: the provider of all other calls.
  // Outlives the keyring.
  kms::KeyProvider* renewals = nullptr;
  // What data keys encrypted beyond what their rows show, which decides when to replace them; null: nothing. Outlives
  // the keyring.
  const UsageMeter* usage = nullptr;
};

struct Lease {
  std::shared_ptr<const envelope::DataKey> key;  // wiped when the last holder lets go
  std::optional<std::string> external_key_id;
  AgeTime expires_at;  // the hard age
  // When a client that uses the data key on its own machine must ask for it again: `soft` after the external key last
  // let us in, or, during a renewal or an outage, in a moment; never past the hard age, nor longest_client_lease from
  // now.
  AgeTime ask_again_at;
  bool bridged = false;  // past its soft age, as nobody can ask the external key
  // The id by which the customer's log names the unwrap that this lease depends on: the latest under the external key's
  // version. Null where there is no such log.
  std::shared_ptr<const std::string> kms_request_id = nullptr;
  Dropped dropped = nullptr;  // read by Keyring::may_use
};

class Keyring {
 public:
  // All references outlive the keyring and, as flights may outlast it, the last run of the executor's context.
  // `executor` runs flights that several callers share: they continue where a caller goes away or runs out of time.
  // `observer` may be null.
  Keyring(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
          boost::asio::any_io_executor executor, KeyringSettings settings, KeyObserver* observer = nullptr);
  ~Keyring();
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;

  // The compartment's active data key; the keyring makes one first where there is none. Errors: those of
  // kms::KeyProvider and of the store; DeadlineExceeded where the deadline had passed before; KeyUnreachable
  // (timed_out) where it passed while the keyring waited for the key; Corrupt where a wrapped key does not belong to
  // its place (the log has it as an integrity alarm).
  [[nodiscard]] Task<Result<Lease>> for_encryption(Compartment compartment, Deadline deadline);

  // The data key that a ciphertext names. The compartment's external key wrapped it or, before that key was attached,
  // the platform's root key. Errors as above; NotFound where the compartment has no such data key, Invalid with reason
  // data_key_destroyed where it was destroyed.
  [[nodiscard]] Task<Result<Lease>> for_decryption(Compartment compartment, RawId data_key_id, Deadline deadline);

  // The same data keys where they are on lease and nothing has to wait, which is nearly always: the data key of this
  // id, or, without an id, the one that encrypts. Absent where the caller has to call one of the two above. It never
  // waits and needs no deadline; it begins a renewal that is due, and the caller goes on.
  [[nodiscard]] std::optional<Lease> at_hand(const Compartment& compartment, const std::optional<RawId>& data_key_id);

  // False once the keyring dropped the lease (its external key refused, or an admin suspended it), or its data key was
  // destroyed. To be called between the last co_await of a caller and its use of the lease, and again between the use
  // and the response. Where it is false, the caller discards its result and calls the keyring again. Takes no lock.
  [[nodiscard]] bool may_use(const Compartment& compartment, const Lease& lease) const;

  // Whether the data key is on lease here, so that its external key has not refused since a client leased it. Asks no
  // key, and does not count as a use of the lease. False, too, where this keyring has dropped the lease for another
  // reason, or never had it: the client then asks for the data key again.
  [[nodiscard]] bool holds(const Compartment& compartment, const RawId& data_key_id) const;

  // Drops and wipes the leases of data keys that are destroyed in the store already, and keeps none that a flight
  // brings which had read the row before.
  void forget(const Uuid& compartment, const std::vector<RawId>& data_key_ids);
  // Drops and wipes every lease under the external key, now.
  void evict(const std::string& external_key_id);
  // Begins renewals and probes that are due, a few at a time so that requests come in between, and wipes leases that
  // are past the hard age. Returns the time until the next call. Without that call, requests renew leases, and wait.
  [[nodiscard]] std::chrono::milliseconds run_once();
  // How many leases it holds.
  [[nodiscard]] std::size_t size() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace latchkey::keyring
