// A prepared statement while it is used, and the row it stands on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/result.hpp"

struct sqlite3_stmt;

namespace latchkey::store {

class Connection;

// Borrowed from its connection's cache; goes back, reset and without values, when it is destroyed. What goes wrong
// while binding is kept for step() to say.
class Statement {
 public:
  Statement(const Connection& connection, sqlite3_stmt* handle) : connection_(&connection), handle_(handle) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Each binds the next parameter. Texts and bytes are copied.
  void bind(std::int64_t value);
  void bind(std::string_view value);
  void bind(const std::string& value) { bind(std::string_view(value)); }
  void bind(ByteView value);
  void bind(const Bytes& value) { bind(ByteView(value)); }
  void bind(const Uuid& value) { bind(ByteView(value.data, sizeof value.data)); }
  void bind(const RawId& value) { bind(ByteView(value)); }
  void bind(Timestamp value) { bind(std::int64_t{value.time_since_epoch().count()}); }
  void bind(std::nullopt_t);
  void bind(bool) = delete;  // would be taken for an integer unseen
  template <class Value>
  void bind(const std::optional<Value>& value) {
    value ? bind(*value) : bind(std::nullopt);
  }

  // True: there is a row to read. False: done.
  [[nodiscard]] Result<bool> step();

 private:
  friend class Row;
  void keep(int code);

  const Connection* connection_;
  sqlite3_stmt* handle_;
  int parameter_ = 0;
  int failure_ = 0;
};

// Reads the columns of the statement's row from left to right. A value of another shape than ours is damage: it reads
// as empty and makes check() fail.
class Row {
 public:
  explicit Row(const Statement& statement) : handle_(statement.handle_) {}

  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] bool flag();
  [[nodiscard]] std::string text();
  [[nodiscard]] Bytes bytes();
  [[nodiscard]] std::optional<Bytes> optional_bytes();
  [[nodiscard]] Uuid uuid();
  [[nodiscard]] RawId raw_id();
  [[nodiscard]] Timestamp timestamp();
  // Whether the next column is NULL. It is passed over where it is, and is still to be read where it is not.
  [[nodiscard]] bool take_null();

  void mark_damaged() { damaged_ = true; }
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  [[nodiscard]] int take(int type);
  [[nodiscard]] ByteView take_blob();

  sqlite3_stmt* handle_;
  int next_ = 0;
  bool damaged_ = false;
};

}  // namespace latchkey::store
