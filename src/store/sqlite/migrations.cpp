#include "store/sqlite/migrations.hpp"

#include <fmt/format.h>

namespace latchkey::store {

namespace {

Error foreign_file(const std::string& path) {
  return Error{ErrorCode::Internal,
               fmt::format("{} is an SQLite database of another program, not of Latchkey; it was left as it is", path),
               {},
               "Name another file for the database."};
}

Error newer_schema(const std::string& path, std::int64_t found, std::size_t known) {
  return Error{
      ErrorCode::Internal,
      fmt::format(
          "The database {} has schema version {}, written by a newer Latchkey; this one ({}) knows versions up to {}",
          path, found, LATCHKEY_VERSION, known),
      {},
      "Run the newer Latchkey, or restore the backup from before the upgrade."};
}

Result<void> apply(SqliteConnection& connection, std::span<const Migration> steps) {
  // Another process may have migrated the file while this one waited for the lock.
  LATCHKEY_TRYV(check_identity(connection, steps));
  LATCHKEY_TRY(auto version, connection.query_integer("PRAGMA user_version"));
  if (static_cast<std::size_t>(version) == steps.size()) return success();
  for (const auto& step : steps.subspan(static_cast<std::size_t>(version))) {
    auto applied = connection.execute(std::string(step.script));
    if (!applied) {
      auto message =
          fmt::format("The database {} could not be brought to the schema step \"{}\"; it was left as it was.",
                      connection.path(), step.name);
      auto code = applied.error().code;
      auto reason = applied.error().reason;
      return caused_by(std::move(applied.error()), code, std::move(message), std::move(reason));
    }
  }
  return connection.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};", kApplicationId, steps.size()));
}

}  // namespace

Result<void> check_identity(SqliteConnection& connection, std::span<const Migration> steps) {
  LATCHKEY_TRY(auto application, connection.query_integer("PRAGMA application_id"));
  if (application == kApplicationId) return check_schema_version(connection, steps);
  LATCHKEY_TRY(auto version, connection.query_integer("PRAGMA user_version"));
  LATCHKEY_TRY(auto objects, connection.query_integer("SELECT count(*) FROM sqlite_schema"));
  // An empty file, or one whose first start was interrupted, may be filled.
  if (application == 0 && version == 0 && objects == 0) return success();
  return foreign_file(connection.path());
}

Result<void> check_schema_version(SqliteConnection& connection, std::span<const Migration> steps) {
  LATCHKEY_TRY(auto version, connection.query_integer("PRAGMA user_version"));
  if (version < 0) return foreign_file(connection.path());
  if (static_cast<std::size_t>(version) > steps.size()) return newer_schema(connection.path(), version, steps.size());
  return success();
}

Result<void> migrate(SqliteConnection& connection, std::span<const Migration> steps) {
  LATCHKEY_TRYV(connection.execute("BEGIN IMMEDIATE"));
  auto done = apply(connection, steps);
  if (done) done = connection.execute("COMMIT");
  if (!done && connection.in_transaction()) {
    // The caller gets the first failure; SQLite rolls back by itself when the file is opened again.
    (void)connection.execute("ROLLBACK");
  }
  return done;
}

}  // namespace latchkey::store
