// After rows were overwritten: that their bytes are in none of the database's files any more. SQLite keeps old pages in
// its -wal until that is emptied, and may keep copies of a row in the unused part of a page that it has split.
//
// The file is searched while others write: it is frozen first. Where a form is not in it by then, no page has the form,
// and none that is written later gets it, for SQLite makes pages of pages, and the form is in no row.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include "base/bytes.hpp"
#include "base/id.hpp"
#include "store/sql/erased_form.hpp"
#include "store/sqlite/connection.hpp"

namespace latchkey::store {

// A row of erased_forms: the last bytes of what a wrapped key was, not masked. `destroyed`: its data key is, so that
// somebody waits for it; the others are from before a rewrap.
struct NotedForm {
  std::int64_t id = 0;
  bool destroyed = false;
  Bytes form;
  bool operator==(const NotedForm&) const = default;
};
[[nodiscard]] Result<std::vector<NotedForm>> noted_forms(SqliteConnection& connection);

// Whether what a destroyed data key of this compartment was is still to be searched for.
[[nodiscard]] Result<bool> has_pending_forms(SqliteConnection& connection, const Uuid& compartment);

// Of a search that was ended with the store: Unavailable.
[[nodiscard]] Error purge_stopped(const std::string& path);

// Empties the -wal into the file and begins a read of `searcher`: until that ends SQLite writes to the -wal alone, and
// the file stays as it is, with all that was committed before. To be called outside a transaction of either. False,
// and there is no read, where a reader, or a write of another process, was in the way for the writer's busy timeout.
[[nodiscard]] Result<bool> freeze_file(SqliteConnection& writer, SqliteConnection& searcher);

// Those of `wanted` that the file has; ones shorter than 16 bytes are not looked for. Unavailable once it is told to
// stop.
[[nodiscard]] Result<std::vector<NotedForm>> find_in_file(const SqliteConnection& connection,
                                                          std::span<const NotedForm> wanted,
                                                          const std::stop_token& stop = {});

// Takes these notes away, in one transaction, and no others: while one server searches, another may note more, even
// under an id that was given before.
[[nodiscard]] Result<void> forget_forms(SqliteConnection& writer, std::span<const NotedForm> searched);

}  // namespace latchkey::store
