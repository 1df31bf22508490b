// One check of a customer's key.
#pragma once

#include "health/health_book.hpp"
#include "health/key_health.hpp"
#include "kms/providers.hpp"

namespace latchkey::health {

// Wraps and unwraps a random probe. Where wrapping alone may be refused (the key expired), a data key that is there
// already is unwrapped, too: whether that works is what access to data hangs on. The news have no time yet. Nothing
// where it could not be found out, for reasons that are not the key's.
[[nodiscard]] Task<std::optional<News>> probe(kms::KeyProvider& provider, const kms::Providers& clouds,
                                              HealthBook& book, store::ExternalKey key, RandomSource& random,
                                              Deadline deadline);

}  // namespace latchkey::health
