// One SQLite connection: its settings, its prepared statements, and its errors as ours. Used by one thread at a time.
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
#include "store/sqlite/statement.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace latchkey::store {

class Connection {
 public:
  // Opens the file that is there. It is not looked at before the first statement.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(std::string path,
                                                                std::chrono::milliseconds busy_timeout);

  // A statement of the cache, ready to be bound. A text has one statement: finish with it before asking again.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // One or more statements whose rows nobody needs; not cached.
  [[nodiscard]] Result<void> execute(const std::string& script);
  // The one value of a statement that takes none.
  [[nodiscard]] Result<std::int64_t> query_integer(std::string_view sql);
  [[nodiscard]] Result<std::string> query_text(std::string_view sql);

  // From here on a statement that runs past `deadline` fails with `timed_out`; absent: none does.
  void set_deadline(std::optional<Deadline> deadline);
  [[nodiscard]] bool is_past_deadline() const;
  // Unavailable, with the time to wait: the database could not do it in time, which says nothing of what is in it.
  [[nodiscard]] Error timed_out() const;

  // SQLite ends a transaction by itself where the disk fails it.
  [[nodiscard]] bool in_transaction() const;
  // The texts of all that was prepared so far, for looking at their plans.
  [[nodiscard]] std::vector<std::string> prepared() const;
  // How many rows the last insert, update or delete has changed.
  [[nodiscard]] std::int64_t changes() const;
  // What the file holds from `offset` on; empty past its end. Read through SQLite: a descriptor of our own would, when
  // closed, drop the locks that this process holds on the file.
  [[nodiscard]] Result<Bytes> read_file(std::int64_t offset, std::size_t most) const;
  // How many bytes the -wal has now.
  [[nodiscard]] Result<std::int64_t> wal_size() const;
  // How long a statement waits for another connection's lock.
  void set_busy_timeout(std::chrono::milliseconds busy_timeout);
  [[nodiscard]] const std::string& path() const { return path_; }
  // What SQLite's `code` means to our callers, with the path and the cure.
  [[nodiscard]] Error failure(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  explicit Connection(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::optional<Deadline> deadline_;  // at a fixed place: SQLite has its address
  std::unique_ptr<sqlite3, Close> database_;
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, std::less<>> statements_;
};

}  // namespace latchkey::store
