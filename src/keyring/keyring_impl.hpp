// The keyring's inside, which keyring.cpp (leases) and data_key_making.cpp (data keys) share. Internal to keyring/.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/single_flight.hpp"
#include "keyring/data_key_unwrapper.hpp"
#include "keyring/keyring.hpp"
#include "keyring/lease_table.hpp"

namespace latchkey::keyring {

// Its flights keep it alive; they outlast the callers that began them.
class Keyring::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
       boost::asio::any_io_executor executor, KeyringSettings settings, KeyObserver* observer);

  Task<Result<Lease>> for_encryption(Compartment compartment, Deadline deadline);
  Task<Result<Lease>> for_decryption(Compartment compartment, RawId id, Deadline deadline);
  [[nodiscard]] std::optional<Lease> at_hand(const Compartment& compartment, const std::optional<RawId>& data_key_id);
  void evict(const std::string& external_key_id) { table_.evict(external_key_id); }
  void forget(const Uuid& compartment, const std::vector<RawId>& ids) {
    for (const auto& id : ids) table_.destroy({compartment, id});
  }
  [[nodiscard]] std::chrono::milliseconds run_once();
  [[nodiscard]] bool may_use(const Compartment& compartment, const Lease& lease) const {
    bool dropped = lease.dropped && lease.dropped->load();
    return !dropped && clock_.age_time() < lease.expires_at && !table_.is_destroyed({compartment.id, lease.key->id()});
  }
  [[nodiscard]] bool holds(const Compartment& compartment, const RawId& id) const {
    LeaseId lease{compartment.id, id};
    return table_.has(lease, ages_of(compartment), clock_.age_time()) && !table_.is_destroyed(lease);
  }
  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  using LeaseFlight = std::function<Task<Result<Lease>>()>;
  [[nodiscard]] LeaseAges ages_of(const Compartment& compartment) const {
    return compartment.ages.value_or(settings_.ages);
  }
  [[nodiscard]] Lease lease_of(std::shared_ptr<const envelope::DataKey> key, std::optional<std::string> external_key_id,
                               AgeTime proven_at, const LeaseAges& ages, std::chrono::milliseconds past_soft,
                               AgeTime now) const;
  [[nodiscard]] Lease lease_of(const LeaseTable::Found& found, const LeaseAges& ages, AgeTime now) const;
  // Without an id, the data key that encrypts.
  [[nodiscard]] std::optional<LeaseTable::Found> find(const Compartment& compartment, const std::optional<RawId>& id,
                                                      AgeTime now);
  [[nodiscard]] Task<std::optional<Result<Lease>>> held(Compartment compartment, RawId id, Deadline deadline);
  [[nodiscard]] Task<std::optional<Result<Lease>>> renew_once(Compartment compartment, RawId id, KeyVersionId version,
                                                              Deadline deadline);
  void renew_behind(Compartment compartment, RawId id, KeyVersionId version);
  [[nodiscard]] Task<Result<Lease>> wait(LeaseFlight flight, Deadline deadline);
  // `why`: a failure that the table remembers of a key is a response to requests, and no reason not to renew.
  enum class Why { Request, Renewal };
  [[nodiscard]] Task<Result<Lease>> unwrap_once(Compartment compartment, RawId id, Why why);
  [[nodiscard]] Task<Result<Lease>> read_and_unwrap(Compartment compartment, RawId id, Why why);
  [[nodiscard]] Task<Result<Lease>> find_or_make(Compartment compartment);
  [[nodiscard]] Task<Result<Lease>> make(Compartment compartment);
  void replace_behind(Compartment compartment, RawId active, RotationCause cause);
  [[nodiscard]] Task<Result<Lease>> replace(Compartment compartment, RawId active, RotationCause cause);
  [[nodiscard]] std::optional<Lease> keep(const LeaseTable::UnwrapAttempt& attempt, const Compartment& compartment,
                                          std::shared_ptr<const envelope::DataKey> key, std::string request_id);

  store::Store& store_;
  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  KeyringSettings settings_;
  LeaseTable table_;
  DataKeyUnwrapper unwrapper_;
  SingleFlight<std::pair<Uuid, std::string>, Result<Lease>> replacements_;
  SingleFlight<std::pair<Uuid, std::string>, Result<Lease>> makings_;
  SingleFlight<std::pair<LeaseId, Why>, Result<Lease>> unwraps_;
  SingleFlight<KeyVersionId, Result<Lease>> renewals_;
};

// The form that key versions use: empty for the platform's root key.
[[nodiscard]] inline std::string external_of(const std::optional<std::string>& external_key_id) {
  return external_key_id.value_or(std::string());
}

}  // namespace latchkey::keyring
