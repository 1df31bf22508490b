// After rows were overwritten: that their bytes are in none of the database's files any more. SQLite keeps old pages in
// its -wal until that is emptied, and may keep copies of a row in the unused part of a page that it has split.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "store/sqlite/connection.hpp"

namespace latchkey::store {

// Empties the -wal into the file, looks for the last 32 bytes of each of `erased` there, and writes the file anew
// where it finds one. To be called outside a transaction. Unavailable where a reader kept the -wal from being emptied.
[[nodiscard]] Result<void> purge_files(Connection& connection, std::span<const Bytes> erased);

// Whether the file has the last 32 bytes of any of `wanted`; those shorter than 16 are not looked for.
[[nodiscard]] Result<bool> file_contains(const Connection& connection, std::span<const Bytes> wanted);

// What is kept of a wrapped key to find it by: its last 32 bytes, of which nothing can be unwrapped, and masked, so
// that the note itself is not found.
[[nodiscard]] Bytes mask_erased(ByteView wrapped);

// What is noted in erased_forms and was not searched for yet; and its end, for those alone: while one server searches,
// another may note more, among older notes too.
struct PendingForms {
  std::vector<std::int64_t> ids;
  std::vector<Bytes> erased;
};
[[nodiscard]] Result<PendingForms> pending_forms(Connection& connection);
[[nodiscard]] Result<void> forget_forms(Connection& connection, const PendingForms& searched);

// purge_files for all that is pending; forgets it once it succeeded.
[[nodiscard]] Result<void> purge_pending(Connection& connection);

}  // namespace latchkey::store
