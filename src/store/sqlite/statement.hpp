// A prepared statement of SQLite in use.
#pragma once

#include "store/sql/statement.hpp"

struct sqlite3_stmt;

namespace latchkey::store {

class SqliteConnection;

// Borrowed from its connection's cache; goes back, reset and without values, when it is destroyed.
class SqliteStatement final : public EngineStatement {
 public:
  SqliteStatement(const SqliteConnection& connection, sqlite3_stmt* handle)
      : connection_(connection), handle_(handle) {}
  ~SqliteStatement() override;

  void bind_integer(int parameter, std::int64_t value) override;
  void bind_text(int parameter, std::string_view value) override;
  void bind_bytes(int parameter, ByteView value) override;
  void bind_null(int parameter) override;
  [[nodiscard]] Result<bool> step() override;
  [[nodiscard]] CellType type(int column) const override;
  [[nodiscard]] std::int64_t integer(int column) const override;
  [[nodiscard]] std::string_view text(int column) const override;
  [[nodiscard]] ByteView bytes(int column) const override;

 private:
  void keep(int code);
  [[nodiscard]] std::size_t size(int column) const;

  const SqliteConnection& connection_;
  sqlite3_stmt* handle_;
  int failure_ = 0;
};

}  // namespace latchkey::store
