// Tells who remembers rows of the store whether they still are as they were read: API keys, workspaces, external keys
// with their suspensions, and lease policies. A row is remembered with the moment before the look-up that found it:
//
//   auto as_of = store.changes().now();
//   ... look the row up, and remember it with as_of ...
//   bool may_be_used = changes.holds(row.organization, as_of, read_at, clock.age_time());
//
// The store notes what a transaction of this process changed as soon as that is durable, before anybody gets the
// transaction's result. What other processes change arrives by notices (keyring/notice_follower.hpp), within a second;
// where those cannot be read, nothing that is remembered is trusted after kTrustedFor. Takes no lock; thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "base/id.hpp"

namespace latchkey::store {

// How long changes of other processes may stay unknown.
inline constexpr std::chrono::seconds kTrustedFor{5};
// A row is looked up again after this time, whatever is known of changes: somebody may write the database past
// Latchkey.
inline constexpr std::chrono::seconds kRememberedFor{30};

class Changes {
 public:
  // Moments are numbered across all organisations, so that a look-up gets one before the organisation is known.
  using Moment = std::uint64_t;

  [[nodiscard]] Moment now() const { return last_; }
  // Whether rows of the organisation may have changed since the moment. Never wrong when it says no.
  [[nodiscard]] bool has_changed(const Uuid& organization, Moment as_of) const;
  // To be called once the change is durable.
  void note(const Uuid& organization);
  // The same for all organisations, where it is not known what has changed.
  void note_all();

  // Whether what was looked up at `read_at`, as of the moment before, may be used at `now`.
  [[nodiscard]] bool holds(const Uuid& organization, Moment as_of, AgeTime read_at, AgeTime now) const;

  // The changes of other processes are known up to `time`.
  void known_up_to(AgeTime time);
  [[nodiscard]] bool is_trusted(AgeTime now) const;

 private:
  static constexpr std::size_t kSlots = 4096;
  using Slot = std::atomic<Moment>;
  [[nodiscard]] std::size_t slot_of(const Uuid& organization) const;

  Slot last_ = 0;
  Slot all_changed_ = 0;
  // The moment of the latest change of an organisation, found by hash: two organisations that share one ask the store
  // more often than they need to.
  std::array<Slot, kSlots> changed_{};
  std::atomic<AgeTime::rep> trusted_until_{AgeTime::min().time_since_epoch().count()};
};

}  // namespace latchkey::store
