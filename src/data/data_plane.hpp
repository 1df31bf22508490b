// The data plane without HTTP: it encrypts and decrypts for a workspace, from the caller's right, through the lease of
// a data key, to the record. A single item is a batch of one. An error that concerns the whole call (there is no such
// workspace, the customer's key refuses) is the result of the call; an error that concerns one item is the result of
// that item.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "data/compartments.hpp"
#include "data/data_plane_observer.hpp"
#include "data/usage_recorder.hpp"
#include "envelope/context.hpp"
#include "envelope/record.hpp"
#include "keyring/keyring.hpp"

namespace latchkey::data {

// Asks whether the caller's API key is still valid. It returns no task where that is known; otherwise the task asks the
// store, and its error is the result of the call.
using Confirm = std::function<std::optional<Task<Result<void>>>()>;

// What every call of the data plane needs to know of the request. Whoever calls keeps the caller and the text until the
// result is there.
struct DataCall {
  const audit::Caller& caller;
  std::string_view workspace_id;
  Deadline deadline;
  // The data plane calls it once the work is done, and only then checks once more that it may use the leases it used:
  // nothing waits between that check and the result.
  Confirm confirm;
};

// One record in memory of its own, where it is sealed or opened: what it seals lies where its ciphertext will, from
// envelope::kRecordBodyOffset to 16 bytes before the end.
struct RecordInPlace {
  const envelope::CanonicalContext* context;  // not null
  MutableBytes record;

  [[nodiscard]] MutableBytes plaintext() const {
    return record.subspan(envelope::kRecordBodyOffset, record.size() - envelope::kRecordOverhead);
  }
};

// Which data key sealed or opened a record.
struct KeyNames {
  std::string data_key_id;
  std::optional<std::string> external_key_id;
};

// After this time a client that encrypts on its own machine asks whether its lease still holds.
inline constexpr std::chrono::seconds kCheckLeaseAfter{5};

// What a client needs to encrypt on its own machine: the data key, how long it may use it, and the compartment that
// binds the ciphertexts.
struct LeasedKey {
  keyring::Lease lease;
  Uuid compartment;
};

// The server has one. Thread-safe. What records hold after an error is of no use.
class DataPlane {
 public:
  // All references outlive the object.
  DataPlane(Compartments& compartments, keyring::Keyring& keyring, UsageRecorder& usage, DataPlaneObserver& observer,
            RandomSource& random)
      : compartments_(compartments), keyring_(keyring), usage_(usage), observer_(observer), random_(random) {}

  // Seals all records under one data key. Errors: those of Compartments::open, of Keyring::for_encryption, and of
  // DataCall::confirm; Invalid where a record is too small to be one.
  [[nodiscard]] Task<Result<KeyNames>> encrypt(DataCall call, std::span<const RecordInPlace> records);
  // Opens each record; the results are in the records' order. Errors of the call: those of Compartments::open and of
  // DataCall::confirm. A record fails with Invalid (ciphertext_not_recognized), WrongKey (ciphertext_wrong_key) or
  // Corrupt (ciphertext_corrupt), or with the error of Keyring::for_decryption for its data key.
  using Opened = Result<std::shared_ptr<const KeyNames>>;
  [[nodiscard]] Task<Result<std::vector<Opened>>> decrypt(DataCall call, std::span<const RecordInPlace> records);
  // Leases the workspace's active data key to the caller, who encrypts on its own machine.
  [[nodiscard]] Task<Result<LeasedKey>> lease(DataCall call);
  // Leases a data key of the workspace by its id. NotFound where there is none.
  [[nodiscard]] Task<Result<LeasedKey>> unwrap(DataCall call, std::string data_key_id);
  // Checks that a leased data key of the workspace is still on lease here. NotFound where it is not: the client then
  // asks for the data key again. KeyDenied where its external key is suspended. It asks no customer's key, and does not
  // call DataCall::confirm.
  [[nodiscard]] Task<Result<void>> check_lease(DataCall call, std::string data_key_id);

 private:
  // A data key that records name, and what came of asking for it.
  struct Asked {
    Result<keyring::Lease> lease;
    std::shared_ptr<const KeyNames> names;  // null where there is no lease
  };
  using Leases = std::map<RawId, Asked>;
  [[nodiscard]] Task<Result<Compartments::Opened>> open(const DataCall& call, Purpose purpose);
  [[nodiscard]] Result<void> seal(const keyring::Lease& lease, const keyring::Compartment& compartment,
                                  std::span<const RecordInPlace> records);
  [[nodiscard]] Task<Leases> leases_for(const keyring::Compartment& compartment, std::span<const Result<RawId>> ids,
                                        Deadline deadline);
  [[nodiscard]] std::optional<keyring::Lease> lease_at_hand(const keyring::Compartment& compartment,
                                                            const std::optional<RawId>& id);
  // Returns the lease of the data key, or of the active one. By then the activity feed says that it is in use.
  [[nodiscard]] Task<Result<keyring::Lease>> lease_for(const keyring::Compartment& compartment, std::optional<RawId> id,
                                                       Deadline deadline);
  [[nodiscard]] Task<Result<keyring::Lease>> lease_to_open(const keyring::Compartment& compartment, RawId id,
                                                           Deadline deadline);
  [[nodiscard]] Task<Result<keyring::Lease>> confirmed_lease(const keyring::Compartment& compartment,
                                                             std::optional<RawId> id, Deadline deadline,
                                                             Confirm confirm);
  [[nodiscard]] Opened opened(const Result<RawId>& id, const Leases& leases, const std::optional<Result<void>>& done,
                              const keyring::Compartment& compartment);
  [[nodiscard]] bool may_use_all(const Leases& leases, const keyring::Compartment& compartment) const;
  // Reports the keyring's result, and puts its error into the caller's terms.
  [[nodiscard]] Result<keyring::Lease> reported(Result<keyring::Lease> lease, const keyring::Compartment& compartment);

  Compartments& compartments_;
  keyring::Keyring& keyring_;
  UsageRecorder& usage_;
  DataPlaneObserver& observer_;
  RandomSource& random_;
};

}  // namespace latchkey::data
