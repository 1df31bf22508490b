// Bounds how many deliveries an endpoint has. An organisation can cause events without end, and its deliveries may
// neither fill the database nor hold the database's one writer. As soon as too many deliveries wait for an endpoint,
// the server gives up the oldest: an event says that a state changed, so the newest events matter most. The server
// removes deliveries that ended, and those of disabled endpoints, in steps: no transaction changes more than a few
// rows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "store/store.hpp"

namespace latchkey::webhooks {

// For one endpoint. As many deliveries may wait as an organisation may have external keys, because the outage of one
// vault causes an event for each of its keys.
inline constexpr std::size_t kMostPending = 1000;
inline constexpr std::size_t kMostEnded = 1000;
// The rows that one transaction changes at most: it takes a few milliseconds.
inline constexpr std::size_t kChangedAtOnce = 200;

// Inserts these deliveries of one organisation. Where more than kMostPending deliveries now wait for an endpoint, it
// gives up the oldest of them: their rows say so, and once an hour for each endpoint an activity does
// (org_webhook_backlog_full). Errors: the store's.
[[nodiscard]] Result<void> enqueue(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                   const std::vector<store::WebhookDelivery>& deliveries);

// Gives up some of the deliveries that wait for a disabled endpoint. True where none is left.
[[nodiscard]] Result<bool> give_up_pending(store::Transaction& transaction, const std::string& endpoint_id);

// Takes one step over all organisations: it gives up deliveries that wait for disabled endpoints, and erases ended
// deliveries beyond the newest kMostEnded of each endpoint. True where more may be left.
[[nodiscard]] Result<bool> tidy(store::Transaction& transaction);
// Whether a step of tidy would change anything. It only reads.
[[nodiscard]] Result<bool> is_untidy(store::Transaction& transaction);

}  // namespace latchkey::webhooks
