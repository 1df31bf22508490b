// What a suspended external key means to everybody who would use it (health/kill_switch.hpp suspends).
#pragma once

#include "store/store.hpp"

namespace latchkey::admin {

// KeyDenied with reason "suspended": who suspended it, when, why, and what ends it.
[[nodiscard]] Error suspended_error(const store::ExternalKeySuspension& suspension);

// That error while the key is suspended. For every door to a customer's key, before the key is asked.
[[nodiscard]] Result<void> refuse_if_suspended(store::Transaction& transaction, const Uuid& organization,
                                               std::string_view external_key_id);

}  // namespace latchkey::admin
