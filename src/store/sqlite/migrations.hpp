// Brings a file to the schema (schema.hpp), and knows files that are not ours, or of a newer Latchkey.
#pragma once

#include <cstdint>
#include <span>

#include "store/sqlite/connection.hpp"
#include "store/sqlite/schema.hpp"

namespace latchkey::store {

// "LKey", in the file's header: whose database it is.
inline constexpr std::int64_t kApplicationId = 0x4C4B6579;

// Internal where the file is another program's or of a newer schema than the last of `steps`. Changes nothing.
[[nodiscard]] Result<void> check_identity(SqliteConnection& connection, std::span<const Migration> steps);

// Applies the steps that the file lacks, all or none. For the connection that writes.
[[nodiscard]] Result<void> migrate(SqliteConnection& connection, std::span<const Migration> steps);

// Internal where a newer Latchkey has changed the schema meanwhile. Called in every transaction.
[[nodiscard]] Result<void> check_schema_version(SqliteConnection& connection, std::span<const Migration> steps);

}  // namespace latchkey::store
