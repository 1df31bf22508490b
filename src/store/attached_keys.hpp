// Walking over the external keys that workspaces use, of every organisation, without a list as long as all tenants
// together make it.
#pragma once

#include <functional>

#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::store {

// Gives each to `visit`, in the order of their ids; read a page at a time, each in a read of its own. Errors: the
// store's, and those before it were visited then. The store outlives the call.
[[nodiscard]] Task<Result<void>> visit_attached_keys(Store& store, std::function<void(AttachedKey&&)> visit);

}  // namespace latchkey::store
