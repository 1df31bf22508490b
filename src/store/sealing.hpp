// The root key of a store: it seals the store's rows (row_seal.hpp). How a store finds the root key that it is sealed
// under.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "store/row_seal.hpp"

namespace latchkey::store {

// What a database says about itself; unverified.
struct StoreState {
  bool empty = true;  // no organisation yet: only then may a new root key be made
  // The root key that the database is sealed under; absent where it is empty or from a release before rows were sealed.
  std::optional<SealKeyId> root_key;
};

// Returns the sealer for a store in this state: reads the root key file, and makes one where the store is empty.
using SealerSource = std::function<Result<std::shared_ptr<const RowSealer>>(const StoreState& state)>;

struct SealCounts {
  std::int64_t sealed = 0;
  std::int64_t refused = 0;  // rows that did not verify, left as they are
};

// The progress of a pass over all rows; each pass begins with {}.
struct SealProgress {
  std::size_t table = 0;
  std::int64_t row = 0;
  bool done = false;
  SealCounts counts;  // of the pass so far
};

}  // namespace latchkey::store
