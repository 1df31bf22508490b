// Announces that a key's state changed, in the transaction that changes it.
#pragma once

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "health/key_health.hpp"
#include "store/store.hpp"

namespace latchkey::health {

// Writes the row. Where announce() says so, it writes a line to the log and publishes the webhook event
// external_key.failed or external_key.recovered. It notifies other nodes where a key begins or ceases to refuse, or to
// be suspended. The caller records the activity, because the caller knows the actor.
[[nodiscard]] Result<void> change_health(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                         const store::ExternalKeyHealth& previous, store::ExternalKeyHealth current);

// {"type": "external_key_health", ...}: as the API shows it.
[[nodiscard]] boost::json::object to_json(const store::ExternalKeyHealth& health);

}  // namespace latchkey::health
