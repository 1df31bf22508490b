// The activity feed: who did what, appended in the transaction that did it, never changed.
#pragma once

#include <boost/json/object.hpp>

#include "audit/activity_type.hpp"
#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace latchkey::audit {

// Appends an activity of the contract's section 9 shape; `details` are the fields that its type adds. Its time is later
// than that of every activity before it, so that one who reads on from the last one seen misses none. Unauthenticated
// where the caller's API key was revoked meanwhile: whoever records what it does, does nothing for it any more.
[[nodiscard]] Result<void> record_activity(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                           const Caller& caller, ActivityType type, const boost::json::object& details);

// The same of what the server did or found by itself: {"type": "system_actor"}, whose actor id is "system".
[[nodiscard]] Result<void> record_system_activity(store::Transaction& transaction, const Clock& clock,
                                                  RandomSource& random, const Uuid& organization, ActivityType type,
                                                  const boost::json::object& details);

// One activity as the API shows it.
[[nodiscard]] Result<boost::json::object> to_json(const store::Activity& activity);

class ActivityFeed {
 public:
  explicit ActivityFeed(store::Store& store) : store_(store) {}
  // Newest first unless the window says otherwise. The filter's organisation is the caller's, whatever it says.
  [[nodiscard]] Task<Result<store::Page<store::Activity>>> list(Caller caller, store::ActivityFilter filter,
                                                                store::ListWindow window);
  // One step of erasing what was recorded before that, of every organisation: short, so that other writes have their
  // turn in between. Gives whether there is more.
  [[nodiscard]] Task<Result<bool>> forget(Timestamp before);

 private:
  store::Store& store_;
};

}  // namespace latchkey::audit
