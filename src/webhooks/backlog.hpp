// How many deliveries an endpoint has at most, and how they become fewer: an organisation can cause events without end,
// and what it causes may neither fill the database nor hold its one writer. Of those that wait, the oldest are given up
// as soon as there are too many: events tell that a state changed, so that the newest matter most. Those that ended,
// and those of endpoints that were disabled, go in steps: no transaction changes more than a few at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace latchkey::webhooks {

// Of one endpoint. As many may wait as an organisation may have external keys: one vault's outage is an event of each.
inline constexpr std::size_t kMostPending = 1000;
inline constexpr std::size_t kMostEnded = 1000;
// By one transaction: a few milliseconds.
inline constexpr std::size_t kChangedAtOnce = 200;

// Inserts these deliveries of one organisation, and gives up the oldest of endpoints where more than kMostPending wait
// now: their rows say so, and an activity (org_webhook_backlog_full), once an hour for each endpoint. Errors: the
// store's.
[[nodiscard]] Result<void> enqueue(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                   const std::vector<store::WebhookDelivery>& deliveries);

// One step of giving up what waits for a disabled endpoint. Whether nothing of it is left.
[[nodiscard]] Result<bool> give_up_pending(store::Transaction& transaction, const std::string& endpoint_id);

// One step over all organisations: what waits for disabled endpoints is given up, and what ended is forgotten beyond
// the newest kMostEnded of each endpoint. Whether there may be more of it.
[[nodiscard]] Result<bool> tidy(store::Transaction& transaction);
// Whether a step would change anything. For a read.
[[nodiscard]] Result<bool> is_untidy(store::Transaction& transaction);

}  // namespace latchkey::webhooks
