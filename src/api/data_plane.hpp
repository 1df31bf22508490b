// Encrypting and decrypting for a workspace: from the caller's right, through the lease of a data key, to the record.
// A single call is a batch of one. Errors that concern the whole call (no such workspace, the key refuses a new record)
// are the call's; errors that concern one item are that item's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "admin/compartments.hpp"
#include "admin/usage_recorder.hpp"
#include "api/endpoint.hpp"
#include "base/random.hpp"
#include "crypto/secret_buffer.hpp"
#include "envelope/context.hpp"
#include "keyring/keyring.hpp"
#include "metrics/server_metrics.hpp"

namespace latchkey::api {

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

// How soon who holds a data key elsewhere is to ask whether its lease still holds.
inline constexpr std::chrono::seconds kCheckLeaseAfter{5};

// What one who encrypts elsewhere needs: the key, for how long, and the compartment that ciphertexts are bound to.
struct LeasedKey {
  keyring::Lease lease;
  Uuid compartment;
};

// An item that could not even be read is passed through as its error, in its place.
class DataPlane {
 public:
  // All references outlive it. `confirm` is asked behind the work; only then it is looked once more whether what was
  // used may be used, without a wait before the answer.
  DataPlane(admin::Compartments& compartments, keyring::Keyring& keyring, admin::UsageRecorder& usage,
            metrics::ServerMetrics& metrics, RandomSource& random, Confirm confirm)
      : compartments_(compartments),
        keyring_(keyring),
        usage_(usage),
        metrics_(metrics),
        random_(random),
        confirm_(std::move(confirm)) {}

  [[nodiscard]] Task<Result<std::vector<Result<Sealed>>>> encrypt(audit::Caller caller, std::string workspace_id,
                                                                  std::vector<Result<Plain>> items, Deadline deadline);
  [[nodiscard]] Task<Result<std::vector<Result<Opened>>>> decrypt(audit::Caller caller, std::string workspace_id,
                                                                  std::vector<Result<Cipher>> items, Deadline deadline);
  // The workspace's active data key, for encrypting elsewhere.
  [[nodiscard]] Task<Result<LeasedKey>> lease(audit::Caller caller, std::string workspace_id, Deadline deadline);
  // A data key of the workspace by its id. NotFound where there is none.
  [[nodiscard]] Task<Result<LeasedKey>> unwrap(audit::Caller caller, std::string workspace_id, std::string data_key_id,
                                               Deadline deadline);
  // Whether a data key of the workspace that was lent still is on lease: success, or NotFound, and it is to be asked
  // for again; KeyDenied where its external key is suspended. Asks no customer's key.
  [[nodiscard]] Task<Result<void>> check_lease(audit::Caller caller, std::string workspace_id, std::string data_key_id);

 private:
  using Leases = std::map<RawId, Result<keyring::Lease>>;
  [[nodiscard]] Task<Leases> leases_for(const keyring::Compartment& compartment,
                                        const std::vector<Result<Cipher>>& items, Deadline deadline);
  void note_decrypts(const Leases& leases, const keyring::Compartment& compartment,
                     const std::vector<Result<Cipher>>& items);
  // Of the data key, or of the active one. That it is in use is told when it comes back.
  [[nodiscard]] Task<Result<keyring::Lease>> lease_for(keyring::Compartment compartment, std::optional<RawId> id,
                                                       Deadline deadline);
  [[nodiscard]] Task<Result<keyring::Lease>> confirmed_lease(keyring::Compartment compartment, std::optional<RawId> id,
                                                             Deadline deadline);
  [[nodiscard]] bool all_held(const Leases& leases, const keyring::Compartment& compartment) const;
  // What the keyring answered, counted, and in the caller's terms.
  [[nodiscard]] Result<keyring::Lease> answered(Result<keyring::Lease> lease, const keyring::Compartment& compartment);

  admin::Compartments& compartments_;
  keyring::Keyring& keyring_;
  admin::UsageRecorder& usage_;
  metrics::ServerMetrics& metrics_;
  RandomSource& random_;
  Confirm confirm_;
};

}  // namespace latchkey::api
