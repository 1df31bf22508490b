#include "store/sqlite/statement.hpp"

#include <sqlite3.h>

#include "store/sqlite/connection.hpp"

namespace latchkey::store {

SqliteStatement::~SqliteStatement() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

void SqliteStatement::bind_integer(int parameter, std::int64_t value) {
  keep(sqlite3_bind_int64(handle_, parameter, value));
}

void SqliteStatement::bind_text(int parameter, std::string_view value) {
  // SQLite reads a null pointer as NULL, and an empty view may hold one.
  const char* data = value.data() != nullptr ? value.data() : "";
  keep(sqlite3_bind_text64(handle_, parameter, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void SqliteStatement::bind_bytes(int parameter, ByteView value) {
  if (value.empty()) {
    keep(sqlite3_bind_zeroblob(handle_, parameter, 0));
  } else {
    keep(sqlite3_bind_blob64(handle_, parameter, value.data(), value.size(), SQLITE_TRANSIENT));
  }
}

void SqliteStatement::bind_null(int parameter) {
  keep(sqlite3_bind_null(handle_, parameter));
}

void SqliteStatement::keep(int code) {
  if (failure_ == SQLITE_OK) failure_ = code;
}

Result<bool> SqliteStatement::step() {
  if (failure_ != SQLITE_OK) return connection_.failure(failure_);
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_.failure(code);
}

CellType SqliteStatement::type(int column) const {
  switch (sqlite3_column_type(handle_, column)) {
    case SQLITE_NULL:
      return CellType::Null;
    case SQLITE_INTEGER:
      return CellType::Integer;
    case SQLITE_TEXT:
      return CellType::Text;
    case SQLITE_BLOB:
      return CellType::Bytes;
    default:
      return CellType::Other;
  }
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(handle_, column);
}

std::string_view SqliteStatement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (data == nullptr) return {};
  return {data, size(column)};
}

ByteView SqliteStatement::bytes(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
  if (data == nullptr) return {};
  return {data, size(column)};
}

std::size_t SqliteStatement::size(int column) const {
  return static_cast<std::size_t>(sqlite3_column_bytes(handle_, column));
}

}  // namespace latchkey::store
