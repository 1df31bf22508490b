// One SQLite connection: its settings, its prepared statements, and the translation of its errors. Used by one thread
// at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "store/sql/connection.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace latchkey::store {

class SqliteConnection final : public Connection {
 public:
  // Opens an existing file, without reading it: the first statement does. Errors are those of store.hpp.
  [[nodiscard]] static Result<std::unique_ptr<SqliteConnection>> open(std::string path,
                                                                      std::chrono::milliseconds busy_timeout);

  [[nodiscard]] const Dialect& dialect() const override;
  [[nodiscard]] const std::string& name() const override { return path_; }
  // The statements are cached.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql) override;
  // Not cached.
  [[nodiscard]] Result<void> execute(const std::string& script) override;
  [[nodiscard]] std::int64_t changes() const override;
  [[nodiscard]] bool in_transaction() const override;

  // From now on a statement that runs past `deadline` fails with `timed_out`; absent: no deadline.
  void set_deadline(std::optional<Deadline> deadline);
  [[nodiscard]] bool is_past_deadline() const;
  // Unavailable, with the time to wait: the database was too slow, which says nothing about its content.
  [[nodiscard]] Error timed_out() const;

  // The texts of all statements prepared so far, so that tests can look at their plans.
  [[nodiscard]] std::vector<std::string> prepared() const;
  // The file's content from `offset` on; empty past its end. It is read through SQLite: closing a descriptor of our own
  // would drop the locks that this process holds on the file.
  [[nodiscard]] Result<Bytes> read_file(std::int64_t offset, std::size_t most) const;
  // The size of the -wal in bytes.
  [[nodiscard]] Result<std::int64_t> wal_size() const;
  // How long a statement waits for another connection's lock.
  void set_busy_timeout(std::chrono::milliseconds busy_timeout);
  [[nodiscard]] const std::string& path() const { return path_; }
  // Translates SQLite's `code` into an error for our callers, with the path and the cure.
  [[nodiscard]] Error failure(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::optional<Deadline> deadline_;  // must not move: SQLite has its address
  std::unique_ptr<sqlite3, Close> database_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, std::less<>> statements_;
};

}  // namespace latchkey::store
