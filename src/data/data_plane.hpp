// The data plane without HTTP: it encrypts and decrypts for a workspace, from the caller's right, through the lease of
// a data key, to the record. A single item is a batch of one. An error that concerns the whole call (there is no such
// workspace, the customer's key refuses) is the result of the call; an error that concerns one item is the result of
// that item.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "crypto/secret_buffer.hpp"
#include "data/compartments.hpp"
#include "data/data_plane_observer.hpp"
#include "data/usage_recorder.hpp"
#include "envelope/context.hpp"
#include "keyring/keyring.hpp"

namespace latchkey::data {

// Asks whether the caller's API key is still valid. It returns no task where that is known; otherwise the task asks the
// store, and its error is the result of the call.
using Confirm = std::function<std::optional<Task<Result<void>>>()>;

// What every call of the data plane needs to know of the request.
struct DataCall {
  audit::Caller caller;
  std::string workspace_id;
  Deadline deadline;
  // The data plane calls it once the work is done, and only then checks once more that it may use the leases it used:
  // nothing waits between that check and the result.
  Confirm confirm;
};

struct Plain {
  envelope::CanonicalContext context;
  crypto::SecretBuffer plaintext;
};

struct Sealed {
  Bytes ciphertext;
  std::string data_key_id;
  std::optional<std::string> external_key_id;
};

struct Cipher {
  envelope::CanonicalContext context;
  Bytes ciphertext;
};

struct Opened {
  crypto::SecretBuffer plaintext;
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

// The server has one. Thread-safe. An item that could not be read comes in as its error, and goes out in its place.
class DataPlane {
 public:
  // All references outlive the object.
  DataPlane(Compartments& compartments, keyring::Keyring& keyring, UsageRecorder& usage, DataPlaneObserver& observer,
            RandomSource& random)
      : compartments_(compartments), keyring_(keyring), usage_(usage), observer_(observer), random_(random) {}

  // Errors of a call: those of Compartments::open, of Keyring::for_encryption, and of DataCall::confirm. An item fails
  // with Invalid (ciphertext_not_recognized), WrongKey (ciphertext_wrong_key) or Corrupt (ciphertext_corrupt), or with
  // the error of Keyring::for_decryption for its data key.
  [[nodiscard]] Task<Result<std::vector<Result<Sealed>>>> encrypt(DataCall call, std::vector<Result<Plain>> items);
  [[nodiscard]] Task<Result<std::vector<Result<Opened>>>> decrypt(DataCall call, std::vector<Result<Cipher>> items);
  // Leases the workspace's active data key to the caller, who encrypts on its own machine.
  [[nodiscard]] Task<Result<LeasedKey>> lease(DataCall call);
  // Leases a data key of the workspace by its id. NotFound where there is none.
  [[nodiscard]] Task<Result<LeasedKey>> unwrap(DataCall call, std::string data_key_id);
  // Checks that a leased data key of the workspace is still on lease here. NotFound where it is not: the client then
  // asks for the data key again. KeyDenied where its external key is suspended. It asks no customer's key, and does not
  // call DataCall::confirm.
  [[nodiscard]] Task<Result<void>> check_lease(DataCall call, std::string data_key_id);

 private:
  using Leases = std::map<RawId, Result<keyring::Lease>>;
  [[nodiscard]] Task<Leases> leases_for(const keyring::Compartment& compartment,
                                        const std::vector<Result<Cipher>>& items, Deadline deadline);
  void record_decrypts(const Leases& leases, const keyring::Compartment& compartment,
                       const std::vector<Result<Cipher>>& items);
  // Returns the lease of the data key, or of the active one. By then the activity feed says that it is in use.
  [[nodiscard]] Task<Result<keyring::Lease>> lease_for(keyring::Compartment compartment, std::optional<RawId> id,
                                                       Deadline deadline);
  [[nodiscard]] Task<Result<keyring::Lease>> confirmed_lease(keyring::Compartment compartment, std::optional<RawId> id,
                                                             Deadline deadline, Confirm confirm);
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
