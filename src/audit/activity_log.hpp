// The activity feed: it says who did what. An activity is appended in the transaction of what it describes, and never
// changes.
#pragma once

#include <boost/json/object.hpp>

#include "audit/activity_type.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace latchkey::audit {

// Appends an activity of the caller. `details` are the fields that its type adds. The activity's time is later than
// that of every activity before it, so that a client that continues from the last activity it has seen misses none.
// Unauthenticated where the caller's API key was revoked meanwhile, so that the transaction changes nothing for it.
[[nodiscard]] Result<void> record_activity(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                           const Caller& caller, ActivityType type, const boost::json::object& details);

// The same for what the server did or found by itself: the actor is {"type": "system_actor"}, with the id "system".
[[nodiscard]] Result<void> record_system_activity(store::Transaction& transaction, const Clock& clock,
                                                  RandomSource& random, const Uuid& organization, ActivityType type,
                                                  const boost::json::object& details);

// An activity as the API shows it. Internal where the stored row does not read.
[[nodiscard]] Result<boost::json::object> to_json(const store::Activity& activity);

class ActivityFeed {
 public:
  explicit ActivityFeed(store::Store& store) : store_(store) {}
  // Newest first unless the window says otherwise. Lists the caller's organisation, whatever organisation the filter
  // names.
  [[nodiscard]] Task<Result<store::Page<store::Activity>>> list(Caller caller, store::ActivityFilter filter,
                                                                store::ListWindow window);
  // Erases some of the activities of every organisation that were recorded before that time. A step is short, so that
  // other writes get their turn between two. Returns whether more are left.
  [[nodiscard]] Task<Result<bool>> forget(Timestamp before);

 private:
  store::Store& store_;
};

}  // namespace latchkey::audit
