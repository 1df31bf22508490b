// Sends the requests to customers' keys: it reads a data key from the store and unwraps it, or makes one, wraps it and
// unwraps it again. It checks what comes back, records in the lease table whether the key let us in, and reports it to
// the observer.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "envelope/data_key.hpp"
#include "keyring/compartment.hpp"
#include "keyring/key_access_check.hpp"
#include "keyring/key_observer.hpp"
#include "keyring/lease_drop.hpp"
#include "keyring/lease_table.hpp"
#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

struct UnwrappedDataKey {
  envelope::DataKey key;
  std::string kms_request_id;  // as kms::UnwrappedKey
};

// A new data key that its external key has wrapped and unwrapped again, unchanged.
struct ProvenKey {
  store::DataKey row;
  std::shared_ptr<const envelope::DataKey> key;
  LeaseTable::UnwrapAttempt attempt;
  std::string kms_request_id;
};

class DataKeyUnwrapper {
 public:
  // What the request is for: that the key lets us in anew, or whether it still does.
  enum class Asks { Anew, Again };
  // All references outlive the object; `observer` and `renewals` (KeyringSettings) may be null, and `access_check`
  // empty.
  DataKeyUnwrapper(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
                   LeaseTable& table, std::chrono::milliseconds kms_timeout, KeyAccessCheck access_check,
                   KeyObserver* observer, kms::KeyProvider* renewals)
      : store_(store),
        provider_(provider),
        clock_(clock),
        random_(random),
        table_(table),
        kms_timeout_(kms_timeout),
        access_check_(std::move(access_check)),
        observer_(observer),
        renewals_(renewals) {}

  // The row of a data key that the keyring may unwrap. NotFound where the compartment has none, Invalid where it was
  // destroyed: both drop its lease. Corrupt where the row is under another external key than the compartment. The error
  // of the access check drops all leases of the external key.
  [[nodiscard]] Task<Result<store::DataKey>> read(Compartment compartment, RawId id);
  // Errors: those of KeyProvider::unwrap; Corrupt where its result is not this data key.
  [[nodiscard]] Task<Result<UnwrappedDataKey>> unwrap(Compartment compartment, store::DataKey row,
                                                      LeaseTable::UnwrapAttempt attempt, Asks asks);
  // A new data key, not stored yet. Wrapping proves nothing, as a disabled key may still wrap: so this unwraps the data
  // key, and compares.
  [[nodiscard]] Task<Result<ProvenKey>> make(Compartment compartment);
  // Whether the keyring may ask the compartment's key, and use its response. On success the access check ran after this
  // was called, and no refusal or eviction has come since.
  [[nodiscard]] Task<Result<void>> check_access(Compartment compartment);
  // To be called where the table has kept what the key unwrapped.
  void report_proved(const std::string& external_key);
  // Of a request to a key that begins now.
  [[nodiscard]] Deadline deadline() const { return clock_.steady() + kms_timeout_; }

 private:
  [[nodiscard]] Error not_asked(const Compartment& compartment, Error error);
  [[nodiscard]] Error unwrapping_failed(const LeaseTable::UnwrapAttempt& attempt, const Compartment& compartment,
                                        const RawId& data_key, Error error);
  [[nodiscard]] Error wrapping_failed(const Compartment& compartment, Error error);
  void report_failed(const std::string& external_key, const Error& error);

  store::Store& store_;
  kms::KeyProvider& provider_;
  const Clock& clock_;
  RandomSource& random_;
  LeaseTable& table_;
  std::chrono::milliseconds kms_timeout_;
  KeyAccessCheck access_check_;
  KeyObserver* observer_;
  kms::KeyProvider* renewals_;
};

// The error for a data key that was destroyed.
[[nodiscard]] Error data_key_destroyed(const RawId& data_key);

}  // namespace latchkey::keyring
