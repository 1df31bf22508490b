// The leases that the keyring holds, and what is known of the keys they hang on (key_standing.hpp). Bounded: the least
// recently used lease goes first. Thread-safe; nothing here waits, and the mutex is never held across a suspension. A
// data key is wiped when the last one who holds it lets go.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "envelope/data_key.hpp"
#include "keyring/brief_mutex.hpp"
#include "keyring/compartment.hpp"
#include "keyring/key_version_state.hpp"
#include "keyring/lease_drop.hpp"

namespace latchkey::keyring {

struct LeaseTableSettings {
  KeyVersionStateSettings state;
  std::size_t max_leases;
  std::function<double()> phase;  // in [0, 1), another each time
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
  explicit LeaseTable(LeaseTableSettings settings) : settings_(std::move(settings)) {}

  struct Found {
    std::shared_ptr<const envelope::DataKey> key;
    std::shared_ptr<const KeyVersionId> version;  // never null
    AgeTime proven_at;
    LeaseUse use = LeaseUse::Stale;
    // The caller is to begin a renewal of this version, and to call end_renewal when it has landed. One caller is told.
    bool renew = false;
    std::shared_ptr<const std::string> kms_request_id;  // of the unwrap that proved it; may be null
    Dropped dropped;
  };
  // Absent where there is none, or it is past the hard age (it is then dropped).
  [[nodiscard]] std::optional<Found> find(const LeaseId& id, const LeaseAges& ages, AgeTime now);

  // Whether the lease is there and not past the hard age. No use of it: it is renewed for it no more than without.
  [[nodiscard]] bool has(const LeaseId& id, const LeaseAges& ages, AgeTime now) const;

  // Taken before a key is asked, shown with the answer: an answer to a question from before a refusal or an eviction
  // changes nothing.
  struct UnwrapAttempt {
    KeyVersionId version;
    std::uint64_t epoch = 0;
    AgeTime begun;
    Dropped dropped;
  };
  // Another one after each refusal and eviction of the external key. Read before leave to ask is asked for, it tells
  // whether the leave still held when the question begins.
  [[nodiscard]] std::uint64_t epoch(const std::string& external_key);
  [[nodiscard]] UnwrapAttempt begin(KeyVersionId version, AgeTime now);
  // The key let us in: every lease of that version is as young as the question. Keeps the lease, and, as whom to ask
  // for when the version is due, its compartment. Gives the time of the proof; absent where the attempt is void, and
  // nothing is kept.
  [[nodiscard]] std::optional<AgeTime> insert(const UnwrapAttempt& attempt, const Compartment& compartment,
                                              const LeaseAges& ages, std::shared_ptr<const envelope::DataKey> key,
                                              std::shared_ptr<const std::string> kms_request_id = nullptr);
  // The key refused: every lease of the external key, of any version, is dropped; the refusal is remembered, and whom
  // to ask for when it is time to ask again.
  void record_refusal(const UnwrapAttempt& attempt, const Compartment& compartment, const RawId& data_key,
                      const Error& error, AgeTime now);
  // The key could not be asked.
  void record_outage(const UnwrapAttempt& attempt, const Error& error, AgeTime now);
  // Whether the version let us in, and has not refused since.
  [[nodiscard]] bool is_proven(const KeyVersionId& version) const;
  // What is known to stand in the way of asking. Nothing where the caller is to ask.
  [[nodiscard]] std::optional<Error> cached_failure(const KeyVersionId& version, AgeTime now);

  // Wrapping is refused under the external key, or it could not be asked to; what is wrapped already may still be
  // unwrapped.
  void note_wrapping(const std::string& external_key, const Error& error, AgeTime now);
  void clear_wrapping(const std::string& external_key);
  [[nodiscard]] std::optional<Error> cached_wrapping_failure(const std::string& external_key, AgeTime now);

  // One data key under a version that is due to be asked: because its leases are in use and soon too old, or because
  // it refuses and somebody asked for it. Whoever gets it begins a renewal, and calls end_renewal. At most `most`.
  struct Due {
    KeyVersionId version;
    Compartment compartment;
    RawId data_key;
  };
  [[nodiscard]] std::vector<Due> take_due(const LeaseAges& default_ages, std::size_t most, AgeTime now);
  void end_renewal(const KeyVersionId& version);

  // Which data key encrypts: a hint, as old as soft at most.
  [[nodiscard]] std::optional<RawId> active(const Uuid& compartment, const std::string& external_key,
                                            const LeaseAges& ages, AgeTime now);
  void set_active(const Uuid& compartment, const std::string& external_key, const RawId& data_key, AgeTime now);

  void erase(const LeaseId& id);
  // Drops the lease and keeps none of this data key again: an answer may be on its way.
  void destroy(const LeaseId& id);
  [[nodiscard]] bool is_destroyed(const LeaseId& id) const;
  // Wipes the leases that are past the hard age, and forgets keys that nobody asked for as long; once a second at
  // most.
  void wipe_expired(const LeaseAges& default_ages, AgeTime now);
  // Drops every lease of the external key and forgets what is known of it.
  void evict(const std::string& external_key);
  [[nodiscard]] std::size_t size() const;

 private:
  // For whom a version is asked when nobody waits for the answer.
  struct RenewalTarget {
    Compartment compartment;
    RawId data_key;
  };
  struct Version {
    KeyVersionId id;
    KeyVersionState state;
    std::shared_ptr<const std::string> kms_request_id;
    std::optional<RenewalTarget> renewal_target;
    std::optional<AgeTime> scheduled_at;  // its place in the agenda
  };
  struct External {
    std::uint64_t epoch = 0;
    std::shared_ptr<std::atomic<bool>> dropped;
    BackoffState wrapping;
    std::map<std::string, std::shared_ptr<Version>> versions;
  };
  struct Lease {
    LeaseId id;
    std::string external_key;
    std::shared_ptr<Version> version;
    std::shared_ptr<const envelope::DataKey> key;
    Dropped dropped;
  };
  struct Hint {
    RawId data_key;
    AgeTime read_at;
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
  [[nodiscard]] std::shared_ptr<Version> find_version(const KeyVersionId& id) const;
  [[nodiscard]] bool valid(const UnwrapAttempt& attempt);
  void drop(const std::string& external_key);
  // Has take_due look at the version then.
  void schedule(const std::shared_ptr<Version>& version, AgeTime when);

  LeaseTableSettings settings_;
  mutable BriefMutex mutex_;  // over everything below
  Leases leases_;
  std::map<std::string, External> externals_;
  std::multimap<AgeTime, std::weak_ptr<Version>> schedule_;
  std::optional<AgeTime> wiped_at_;
  std::set<LeaseId> destroyed_;  // while this server ran: few
  std::atomic<bool> any_destroyed_ = false;
  std::map<std::pair<Uuid, std::string>, Hint> active_;
  // Never repeats, so that an external key that was forgotten in between does not make an old attempt valid.
  std::uint64_t next_epoch_ = 1;
};

}  // namespace latchkey::keyring
