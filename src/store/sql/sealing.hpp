// Which root key a database is sealed under, and the sealing of existing rows. The errors of store.hpp apply to all
// functions.
#pragma once

#include <optional>

#include "store/key_place.hpp"
#include "store/row_seal.hpp"
#include "store/sealing.hpp"
#include "store/sql/connection.hpp"

namespace latchkey::store {

// By what a row is believed: its seal, and the place that is kept beside a key (key_place.hpp). Both outlive it.
struct RowCheck {
  const RowSealer& sealer;
  const KeyPlaceOf& key_place;
};

[[nodiscard]] Result<StoreState> read_state(Connection& connection);

// Internal, with the cure, where `sealer` lacks the root key of the database, or where the database has rows and no
// mark (it is from a release before rows were sealed, or somebody removed the mark). Marks an empty database.
[[nodiscard]] Result<void> check_mark(Connection& connection, const StoreState& state, const RowSealer& sealer);

// Seals every row that has no seal, in one transaction, and marks the database. Conflict where it is marked already: a
// row without a seal there must be an intruder's.
[[nodiscard]] Result<SealCounts> seal_existing(Connection& connection, const RowCheck& check);

// Verifies every row and changes nothing; `sealed` counts the rows that verify.
[[nodiscard]] Result<SealCounts> check_rows(Connection& connection, const RowCheck& check);

// See Store::reseal.
[[nodiscard]] Result<SealProgress> reseal(Connection& connection, const RowCheck& check, SealProgress from,
                                          std::size_t limit);

}  // namespace latchkey::store
