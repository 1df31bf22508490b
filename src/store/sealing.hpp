// The root key of a store: what seals its rows (row_seal.hpp), and how a store finds the one that it was sealed under.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "store/row_seal.hpp"

namespace latchkey::store {

// What a database says of itself before anything of it is believed.
struct StoreState {
  bool empty = true;  // no organisation yet: a new root key is right here, and nowhere else
  // The root key that it is sealed under; absent where it is empty or of a release before rows were sealed.
  std::optional<SealKeyId> root_key;
};

// Gives what seals the store with this state: reads the root key file, and makes one where the store is empty.
using SealerSource = std::function<Result<std::shared_ptr<const RowSealer>>(const StoreState& state)>;

struct SealCounts {
  std::int64_t sealed = 0;
  std::int64_t refused = 0;  // did not verify, and was left as it is
};

// How far a pass over all rows has come; each begins with {}.
struct SealProgress {
  std::size_t table = 0;
  std::int64_t row = 0;
  bool done = false;
  SealCounts counts;  // of the pass so far
};

}  // namespace latchkey::store
