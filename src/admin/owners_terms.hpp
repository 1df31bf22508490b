// What the owners of keys demand of whoever asks them, as the store has it.
#pragma once

#include <chrono>

#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

// KeyDenied with reason "suspended" while the key is; else how old the sign-in may be by the organisation's lease
// policy (allowed_ages with `most_soft`), if it has one. A key without an id is not registered: nothing is demanded.
// Errors of the store besides. Waits behind no tenant's lists. The store outlives it.
[[nodiscard]] kms::ReadTerms read_terms_from(store::Store& store, std::chrono::milliseconds most_soft);

}  // namespace latchkey::admin
