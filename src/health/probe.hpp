// One check of a customer's key.
#pragma once

#include "health/key_health.hpp"
#include "health/key_health_store.hpp"
#include "kms/providers.hpp"

namespace latchkey::health {

// Wraps and unwraps a random probe. Where the key may refuse only to wrap (it expired), the check unwraps an existing
// data key, too, because access to data depends on that. The event has no time yet. Absent where the check found
// nothing out for reasons that are not the key's.
[[nodiscard]] Task<std::optional<KeyEvent>> probe(kms::KeyProvider& provider, const kms::Providers& clouds,
                                                  KeyHealthStore& health_store, store::ExternalKey key,
                                                  RandomSource& random, Deadline deadline);

}  // namespace latchkey::health
