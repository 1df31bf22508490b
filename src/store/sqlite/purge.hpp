// After rows were overwritten: makes sure that their bytes are in none of the database's files any more. SQLite keeps
// old pages in its -wal until that is emptied, and may keep copies of a row in the unused part of a page that it has
// split.
//
// The file is searched while others write, so it is frozen first. When a form is not in the frozen file, no page has
// it, and no later page gets it: SQLite makes pages from pages, and the form is in no row.
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

// A row of erased_forms: the last bytes of an erased wrapped key, unmasked. `destroyed`: its data key is destroyed, so
// a caller waits for it; other forms are from before a rewrap.
struct NotedForm {
  std::int64_t id = 0;
  bool destroyed = false;
  Bytes form;
  bool operator==(const NotedForm&) const = default;
};
[[nodiscard]] Result<std::vector<NotedForm>> noted_forms(SqliteConnection& connection);

// True where a destroyed data key of this compartment is still to be searched for.
[[nodiscard]] Result<bool> has_pending_forms(SqliteConnection& connection, const Uuid& compartment);

// The error of a search that ended because the store closes: Unavailable.
[[nodiscard]] Error purge_stopped(const std::string& path);

// Empties the -wal into the file and begins a read on `searcher`: until that ends SQLite writes only to the -wal, and
// the file keeps everything committed before. Call it outside of a transaction of either connection. False, without a
// read, where a reader or another process's write was in the way for the writer's busy timeout.
[[nodiscard]] Result<bool> freeze_file(SqliteConnection& writer, SqliteConnection& searcher);

// The forms of `wanted` that the file has; forms shorter than 16 bytes are not searched for. Unavailable once `stop` is
// requested.
[[nodiscard]] Result<std::vector<NotedForm>> find_in_file(const SqliteConnection& connection,
                                                          std::span<const NotedForm> wanted,
                                                          const std::stop_token& stop = {});

// Erases exactly these notes, in one transaction: while one server searches, another may note more, even under an id
// that was used before.
[[nodiscard]] Result<void> forget_forms(SqliteConnection& writer, std::span<const NotedForm> searched);

}  // namespace latchkey::store
