// Reads from the store what the owner of a key demands of everybody who asks the key.
#pragma once

#include <chrono>

#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

// KeyDenied with reason "suspended" while the key is suspended; else how old the sign-in may be by the organisation's
// lease policy (allowed_ages with `most_soft`), if it has one. A key without an id is not registered, and nothing is
// demanded. Also returns errors of the store. It waits behind no tenant's lists. The store outlives the result.
[[nodiscard]] kms::ReadTerms read_terms_from(store::Store& store, std::chrono::milliseconds most_soft);

}  // namespace latchkey::admin
