// Who is told that a key's state changed, in the transaction that changes it.
#pragma once

#include <boost/json/object.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "health/key_health.hpp"
#include "store/store.hpp"

namespace latchkey::health {

// Writes the row, and, where announce() says so, a line of the log and the webhook event external_key.failed or
// external_key.recovered; and tells other nodes where a key refuses, is suspended, or does so no more. The activity is
// the caller's, who knows whose doing it was.
[[nodiscard]] Result<void> change_health(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                         const store::ExternalKeyHealth& previous, store::ExternalKeyHealth current);

// {"type": "external_key_health", ...}: as the API shows it.
[[nodiscard]] boost::json::object to_json(const store::ExternalKeyHealth& health);

}  // namespace latchkey::health
