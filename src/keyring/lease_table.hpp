// The leases that the keyring holds, and what is known of the keys they hang on: when a key last let us in, whether it
// refused, whether it could not be asked. Bounded: the least recently used lease goes first. Nothing here waits; the
// mutex is never held across a suspension. A key is wiped when the last one who holds it lets go.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::keyring {

struct LeaseTableSettings {
  std::chrono::milliseconds soft;
  std::chrono::milliseconds hard;
  std::chrono::milliseconds memory;  // for how long a refusal is answered from memory, and an outage not asked again
  std::size_t max_leases;
};

struct LeaseId {
  Uuid compartment;
  RawId data_key;
  bool operator==(const LeaseId&) const = default;
  bool operator<(const LeaseId& other) const {
    return std::tie(compartment, data_key) < std::tie(other.compartment, other.data_key);
  }
};

// One version of one external key, which is what a customer can take away by itself. `external_key` is empty for the
// platform's root key.
struct KeyVersionId {
  std::string external_key;
  std::string version;
  auto operator<=>(const KeyVersionId&) const = default;
};

class LeaseTable {
 public:
  explicit LeaseTable(LeaseTableSettings settings) : settings_(settings) {}

  struct Found {
    std::shared_ptr<const envelope::DataKey> key;
    KeyVersionId version;
    SteadyTime expires_at;
    bool fresh = false;  // younger than soft: to be used as it is
    // Older, and the key could not be asked a short while ago: to be used as it is.
    bool bridging = false;
    bool ask_again = false;  // with bridging: time for another try
  };
  // Absent where there is none, or it is past the hard age (it is then dropped).
  [[nodiscard]] std::optional<Found> find(const LeaseId& id, SteadyTime now);

  // Taken before a key is asked, shown with the answer: an answer to a question from before a refusal or an eviction
  // changes nothing.
  struct Ticket {
    KeyVersionId version;
    std::uint64_t epoch = 0;
    SteadyTime begun;
  };
  [[nodiscard]] Ticket begin(KeyVersionId version, SteadyTime now);
  // The key let us in: every lease of that version is as young as the question. False where the ticket is void.
  bool prove(const Ticket& ticket);
  // The same, and keeps the lease. Gives its hard end; absent where the ticket is void, and nothing is kept.
  [[nodiscard]] std::optional<SteadyTime> insert(const Ticket& ticket, const LeaseId& id,
                                                 std::shared_ptr<const envelope::DataKey> key, SteadyTime now);
  // The key refused: every lease of the external key, of any version, is dropped; the refusal is remembered.
  void refuse(const Ticket& ticket, const Error& error, SteadyTime now);
  // The key could not be asked.
  void miss(const Ticket& ticket, SteadyTime now);
  [[nodiscard]] std::optional<Error> refusal(const KeyVersionId& version, SteadyTime now);

  // Wrapping is refused under the external key; what is wrapped already may still be unwrapped.
  void refuse_wrapping(const std::string& external_key, const Error& error, SteadyTime now);
  [[nodiscard]] std::optional<Error> wrapping_refusal(const std::string& external_key, SteadyTime now);

  // Which data key encrypts: a hint, as old as soft at most.
  [[nodiscard]] std::optional<RawId> active(const Uuid& compartment, const std::string& external_key, SteadyTime now);
  void set_active(const Uuid& compartment, const std::string& external_key, const RawId& data_key, SteadyTime now);

  void erase(const LeaseId& id);
  // Wipes the leases that are past the hard age.
  void wipe_expired(SteadyTime now);
  // Drops every lease of the external key and forgets what is known of it.
  void evict(const std::string& external_key);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Refusal {
    Error error;
    SteadyTime until;
  };
  struct Version {
    KeyVersionId id;
    SteadyTime asked_at;
    std::optional<SteadyTime> proven_at;
    std::optional<SteadyTime> missed_at;
    std::optional<Refusal> refusal;
  };
  struct External {
    std::uint64_t epoch = 0;
    std::optional<Refusal> wrapping_refusal;
    std::map<std::string, std::shared_ptr<Version>> versions;
  };
  struct Lease {
    LeaseId id;
    std::string external_key;
    std::shared_ptr<Version> version;
    std::shared_ptr<const envelope::DataKey> key;
  };
  struct Hint {
    RawId data_key;
    SteadyTime read_at;
  };
  struct HashLeaseId {
    std::size_t operator()(const LeaseId& id) const;
  };
  struct ById {};
  struct ByExternalKey {};
  struct ByUse {};
  using Leases = boost::multi_index_container<
      Lease,
      boost::multi_index::indexed_by<
          boost::multi_index::hashed_unique<boost::multi_index::tag<ById>,
                                            boost::multi_index::member<Lease, LeaseId, &Lease::id>, HashLeaseId>,
          boost::multi_index::hashed_non_unique<boost::multi_index::tag<ByExternalKey>,
                                                boost::multi_index::member<Lease, std::string, &Lease::external_key>>,
          boost::multi_index::sequenced<boost::multi_index::tag<ByUse>>>>;

  External& external(const std::string& id);
  [[nodiscard]] std::shared_ptr<Version> version(const KeyVersionId& id);
  [[nodiscard]] bool valid(const Ticket& ticket);
  void drop(const std::string& external_key);
  void prove_at(Version& version, SteadyTime when) const;
  void sweep(SteadyTime now);

  LeaseTableSettings settings_;
  mutable std::mutex mutex_;  // over everything below
  Leases leases_;
  std::map<std::string, External> externals_;
  std::map<std::pair<Uuid, std::string>, Hint> active_;
  // Never repeats, so that an external key that was forgotten in between does not make an old ticket valid.
  std::uint64_t next_epoch_ = 1;
  std::optional<SteadyTime> swept_at_;
};

}  // namespace latchkey::keyring
