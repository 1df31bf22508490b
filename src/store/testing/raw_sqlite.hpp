// The database as another program sees it: for tests that bypass the store.
#pragma once

#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace latchkey::store::testing {

class RawSqlite {
 public:
  explicit RawSqlite(const std::string& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &database_), SQLITE_OK); }
  RawSqlite(const RawSqlite&) = delete;
  RawSqlite& operator=(const RawSqlite&) = delete;
  ~RawSqlite() { sqlite3_close(database_); }

  // Returns the failure's message, or "".
  std::string execute(const std::string& sql) {
    return sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? ""
                                                                                        : sqlite3_errmsg(database_);
  }
  // Returns the first column of the first row.
  std::string query(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
      return sqlite3_errmsg(database_);
    std::string value;
    if (sqlite3_step(statement) == SQLITE_ROW) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
      value = text != nullptr ? text : "";
    } else {
      value = sqlite3_errmsg(database_);
    }
    sqlite3_finalize(statement);
    return value;
  }

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace latchkey::store::testing
