// Visits the external keys that workspaces of all organisations use, without one list of them all.
#pragma once

#include <functional>

#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::store {

// Calls `visit` with each key, in the order of their ids. Reads a page at a time, each in a transaction of its own.
// Returns the store's errors; the keys before the failure were visited by then. The store must outlive the call.
[[nodiscard]] Task<Result<void>> visit_attached_keys(Store& store, std::function<void(AttachedKey&&)> visit);

}  // namespace latchkey::store
