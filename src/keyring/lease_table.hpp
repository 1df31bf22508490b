// The leases that the keyring holds, and what it knows of the external keys that they depend on
// (key_version_state.hpp). Thread-safe; nothing here waits, and nobody holds the mutex across a suspension.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/member.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "envelope/data_key.hpp"
#include "keyring/brief_mutex.hpp"
#include "keyring/compartment.hpp"
#include "keyring/key_version_state.hpp"
#include "keyring/lease_drop.hpp"
#include "keyring/lease_id.hpp"

namespace latchkey::keyring {

struct LeaseTableSettings {
  KeyVersionStateSettings state;
  std::size_t max_leases;
  std::function<double()> phase;  // in [0, 1), another number each time
};

// One version of one external key: a customer can disable each version by itself. `external_key` is empty for the
// platform's root key.
struct KeyVersionId {
  std::string external_key;
  std::string version;
  auto operator<=>(const KeyVersionId&) const = default;
};

// A lease is one unwrapped data key of one compartment, and it points to the version of the external key that wrapped
// it. The version alone has an age: a lease is as young as the latest unwrap by which its version let us in, so that
// one unwrap renews all leases of the version. A lease is in the table or it is not. It enters by insert() alone, and
// only where no refusal and no eviction of its external key has come since the attempt began (the epochs are equal) and
// its data key was not destroyed. It leaves in four ways: its own erase() or destroy(); a refusal or an eviction, which
// takes all leases of the external key, of all versions, at once; the hard age of its version, at the next find() or
// wipe_expired(); and a full table, which gives up the least recently used lease. A refusal or an eviction also begins
// a new epoch and sets the old epoch's Dropped, so that callers that took a lease out before learn of it; a destroyed
// data key never enters again. At most one caller at a time renews a version in the background: find() or take_due()
// makes it the one, and end_renewal() ends that. The table wipes nothing itself: a data key wipes itself when the last
// holder lets go of it.
class LeaseTable {
 public:
  explicit LeaseTable(LeaseTableSettings settings) : settings_(std::move(settings)) {
    leases_.get<ById>().max_load_factor(0.5F);
  }

  struct Found {
    std::shared_ptr<const envelope::DataKey> key;
    std::shared_ptr<const KeyVersionId> version;  // never null
    AgeTime proven_at;
    LeaseUse use = LeaseUse::Stale;
    // The caller begins a renewal of this version, and calls end_renewal at its end. One caller gets this.
    bool renew = false;
    std::shared_ptr<const std::string> kms_request_id;  // of the unwrap of proven_at; may be null
    Dropped dropped;
  };
  // Absent where there is none, or where it is past the hard age: then the table drops it.
  [[nodiscard]] std::optional<Found> find(const LeaseId& id, const LeaseAges& ages, AgeTime now);
  // The same for the data key that encrypts: absent, too, where the table does not know which one that is.
  [[nodiscard]] std::optional<Found> find_active(const Compartment& compartment, const LeaseAges& ages, AgeTime now);

  // Whether the lease is there and not past the hard age. It does not count as a use, which would keep up renewals.
  [[nodiscard]] bool has(const LeaseId& id, const LeaseAges& ages, AgeTime now) const;

  // A caller takes it before it asks a key, and shows it with the key's response: a response to a request from before a
  // refusal or an eviction changes nothing.
  struct UnwrapAttempt {
    KeyVersionId version;
    std::uint64_t epoch = 0;
    AgeTime begun;
    Dropped dropped;
  };
  // Each refusal and eviction of the external key begins another epoch. A caller that reads it before it checks access
  // finds out whether the result still held when the request began.
  [[nodiscard]] std::uint64_t epoch(const std::string& external_key);
  [[nodiscard]] UnwrapAttempt begin(KeyVersionId version, AgeTime now);
  // The key let us in: every lease of that version is now as young as the request to the key. Keeps the lease, and the
  // compartment as the version's renewal target. Returns the time of the proof; absent where the attempt is void, and
  // the table keeps nothing.
  [[nodiscard]] std::optional<AgeTime> insert(const UnwrapAttempt& attempt, const Compartment& compartment,
                                              const LeaseAges& ages, std::shared_ptr<const envelope::DataKey> key,
                                              std::shared_ptr<const std::string> kms_request_id = nullptr);
  // The key refused: drops every lease of the external key, of all versions, and remembers the refusal, with the data
  // key for the next probe.
  void record_refusal(const UnwrapAttempt& attempt, const Compartment& compartment, const RawId& data_key,
                      const Error& error, AgeTime now);
  // Nobody could ask the key.
  void record_outage(const UnwrapAttempt& attempt, const Error& error, AgeTime now);
  // Whether the version let us in, and has not refused since.
  [[nodiscard]] bool is_proven(const KeyVersionId& version) const;
  // The failure that the caller takes instead of a request to the key. Absent where the caller asks the key.
  [[nodiscard]] std::optional<Error> cached_failure(const KeyVersionId& version, AgeTime now);

  // The external key refused to wrap, or nobody could ask it to. It may still unwrap.
  void note_wrapping(const std::string& external_key, const Error& error, AgeTime now);
  void clear_wrapping(const std::string& external_key);
  [[nodiscard]] std::optional<Error> cached_wrapping_failure(const std::string& external_key, AgeTime now);

  // One data key under a version that is due: because callers use its leases, which are soon too old, or because it
  // refuses and a caller wanted it. Whoever gets it begins a renewal, and calls end_renewal. At most `most`.
  struct Due {
    KeyVersionId version;
    Compartment compartment;
    RawId data_key;
  };
  [[nodiscard]] std::vector<Due> take_due(const LeaseAges& default_ages, std::size_t most, AgeTime now);
  void end_renewal(const KeyVersionId& version);

  // The data key that encrypts: a hint, at most as old as soft.
  [[nodiscard]] std::optional<RawId> active(const Compartment& compartment, const LeaseAges& ages, AgeTime now);
  void set_active(const Compartment& compartment, const RawId& data_key, AgeTime now);

  void erase(const LeaseId& id);
  // Drops the lease, and never keeps one of this data key again: an unwrap may be under way.
  void destroy(const LeaseId& id);
  [[nodiscard]] bool is_destroyed(const LeaseId& id) const;
  // Drops the leases that are past the hard age, and forgets keys that nobody asked for so long; at most once a second.
  void wipe_expired(const LeaseAges& default_ages, AgeTime now);
  // Drops every lease of the external key, and forgets the state of its versions.
  void evict(const std::string& external_key);
  [[nodiscard]] std::size_t size() const;

 private:
  // The data key by which a renewal or a probe in the background asks a version.
  struct RenewalTarget {
    Compartment compartment;
    RawId data_key;
  };
  struct Version {
    KeyVersionId id;
    KeyVersionState state;
    std::shared_ptr<const std::string> kms_request_id;
    std::optional<RenewalTarget> renewal_target;
    std::optional<AgeTime> scheduled_at;  // its place in schedule_
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
    mutable AgeTime moved_at{};  // to the front of ByUse; no index depends on it
  };
  struct Hint {
    RawId data_key;
    AgeTime read_at;
    std::optional<std::string> external_key_id;
  };
  struct ById {};
  struct ByExternalKey {};
  struct ByUse {};
  using Leases = boost::multi_index_container<
      Lease,
      boost::multi_index::indexed_by<
          boost::multi_index::hashed_unique<boost::multi_index::tag<ById>,
                                            boost::multi_index::member<Lease, LeaseId, &Lease::id>, HashId>,
          boost::multi_index::hashed_non_unique<boost::multi_index::tag<ByExternalKey>,
                                                boost::multi_index::member<Lease, std::string, &Lease::external_key>>,
          boost::multi_index::sequenced<boost::multi_index::tag<ByUse>>>>;

  [[nodiscard]] std::optional<Found> find_lease(const LeaseId& id, const LeaseAges& ages, AgeTime now,
                                                const Footprint* footprint) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] const Hint* hint(const Compartment& compartment, const LeaseAges& ages, AgeTime now)
      LATCHKEY_REQUIRES(mutex_);
  External& external(const std::string& id) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::shared_ptr<Version> version(const KeyVersionId& id) LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] std::shared_ptr<Version> find_version(const KeyVersionId& id) const LATCHKEY_REQUIRES(mutex_);
  [[nodiscard]] bool valid(const UnwrapAttempt& attempt) LATCHKEY_REQUIRES(mutex_);
  void drop(const std::string& external_key) LATCHKEY_REQUIRES(mutex_);
  // Makes take_due consider the version at this time.
  void schedule(const std::shared_ptr<Version>& version, AgeTime when) LATCHKEY_REQUIRES(mutex_);

  LeaseTableSettings settings_;
  mutable BriefMutex mutex_;
  Leases leases_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<std::string, External> externals_ LATCHKEY_GUARDED_BY(mutex_);
  std::multimap<AgeTime, std::weak_ptr<Version>> schedule_ LATCHKEY_GUARDED_BY(mutex_);
  std::optional<AgeTime> wiped_at_ LATCHKEY_GUARDED_BY(mutex_);
  std::set<LeaseId> destroyed_ LATCHKEY_GUARDED_BY(mutex_);  // since the server started: few
  std::atomic<bool> any_destroyed_ = false;
  boost::unordered_flat_map<Uuid, Hint, HashId> active_ LATCHKEY_GUARDED_BY(mutex_);  // by compartment
  // Never repeats, so that no old attempt becomes valid where the table forgot the external key in between.
  std::uint64_t next_epoch_ LATCHKEY_GUARDED_BY(mutex_) = 1;
};

}  // namespace latchkey::keyring
