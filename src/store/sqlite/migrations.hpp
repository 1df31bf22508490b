// Brings a file to the current schema (schema.hpp), and recognises files of other programs or of a newer Latchkey.
#pragma once

#include <cstdint>
#include <span>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/schema.hpp"

namespace latchkey::store {

// "LKey", in the file's header: marks the database as ours.
inline constexpr std::int64_t kApplicationId = 0x4C4B6579;

// Internal where the file is another program's or has a newer schema than the last of `steps`. Changes nothing.
[[nodiscard]] Result<void> check_identity(SqliteConnection& connection, std::span<const Migration> steps);

// Applies the steps that the file lacks, all or none. For the writing connection. Errors are those of store.hpp.
[[nodiscard]] Result<void> migrate(SqliteConnection& connection, std::span<const Migration> steps);

// Internal where a newer Latchkey has changed the schema meanwhile. Every transaction calls it.
[[nodiscard]] Result<void> check_schema_version(SqliteConnection& connection, std::span<const Migration> steps);

}  // namespace latchkey::store
