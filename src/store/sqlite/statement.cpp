#include "store/sqlite/statement.hpp"

#include <algorithm>

#include <sqlite3.h>

#include "store/sqlite/connection.hpp"

namespace latchkey::store {

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      handle_(std::exchange(other.handle_, nullptr)),
      parameter_(other.parameter_),
      failure_(other.failure_) {}

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

void Statement::bind(std::int64_t value) {
  keep(sqlite3_bind_int64(handle_, ++parameter_, value));
}

void Statement::bind(std::string_view value) {
  // SQLite takes a null pointer for NULL, and an empty view may hold one.
  const char* data = value.data() != nullptr ? value.data() : "";
  keep(sqlite3_bind_text64(handle_, ++parameter_, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind(ByteView value) {
  if (value.empty()) {
    keep(sqlite3_bind_zeroblob(handle_, ++parameter_, 0));
  } else {
    keep(sqlite3_bind_blob64(handle_, ++parameter_, value.data(), value.size(), SQLITE_TRANSIENT));
  }
}

void Statement::bind(std::nullopt_t) {
  keep(sqlite3_bind_null(handle_, ++parameter_));
}

void Statement::keep(int code) {
  if (failure_ == SQLITE_OK) failure_ = code;
}

Result<bool> Statement::step() {
  if (failure_ != SQLITE_OK) return connection_->failure(failure_);
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return connection_->failure(code);
}

std::int64_t Row::integer() {
  return sqlite3_column_int64(handle_, take(SQLITE_INTEGER));
}

bool Row::flag() {
  auto value = integer();
  if (value != 0 && value != 1) mark_damaged();
  return value != 0;
}

std::string Row::text() {
  int column = take(SQLITE_TEXT);
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

Bytes Row::bytes() {
  return to_bytes(take_blob());
}

std::optional<Bytes> Row::optional_bytes() {
  if (take_null()) return std::nullopt;
  return bytes();
}

Uuid Row::uuid() {
  Uuid value{};
  auto blob = take_blob();
  if (blob.size() != value.size()) {
    mark_damaged();
    return value;
  }
  std::ranges::copy(blob, value.begin());
  return value;
}

RawId Row::raw_id() {
  RawId value{};
  auto blob = take_blob();
  if (blob.size() != value.size()) {
    mark_damaged();
    return value;
  }
  std::ranges::copy(blob, value.begin());
  return value;
}

Timestamp Row::timestamp() {
  return Timestamp(std::chrono::microseconds(integer()));
}

bool Row::take_null() {
  if (sqlite3_column_type(handle_, next_) != SQLITE_NULL) return false;
  ++next_;
  return true;
}

int Row::take(int type) {
  if (sqlite3_column_type(handle_, next_) != type) mark_damaged();
  return next_++;
}

ByteView Row::take_blob() {
  int column = take(SQLITE_BLOB);
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
}

}  // namespace latchkey::store
