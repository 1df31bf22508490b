#include "store/sqlite/connection.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/reasons.hpp"
#include "store/sqlite/statement.hpp"

namespace latchkey::store {

namespace {

using std::chrono::seconds;

constexpr int kPrimaryCode = 0xff;
// SQLite runs this many steps of its virtual machine, some tens of microseconds, between two looks at the clock.
constexpr int kStepsBetweenLooks = 1000;

int is_past(void* deadline) {
  const auto& moment = *static_cast<const std::optional<Deadline>*>(deadline);
  return moment && std::chrono::steady_clock::now() >= *moment ? 1 : 0;
}

// "disk I/O error (Permission denied)": SQLite's words and, where there is one, the system's reason.
std::string reason_of(sqlite3* database, int code) {
  std::string text = database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
  int system = database != nullptr ? sqlite3_system_errno(database) : 0;
  int primary = code & kPrimaryCode;
  if (system != 0 && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
    text += fmt::format(" ({})", std::generic_category().message(system));
  }
  return text;
}

Error storage_full(const std::string& path) {
  return Error{ErrorCode::Unavailable,
               fmt::format("There is no room left for the database {}; nothing was changed", path),
               reason::kStorageFull, "Free space on its disk (or raise its quota), then try again."};
}

bool is_out_of_space(sqlite3* database) {
  if (database == nullptr) return false;
  int system = sqlite3_system_errno(database);
  return system == ENOSPC || system == EDQUOT || system == EFBIG;
}

Error unavailable(const std::string& path, std::string_view what, const std::string& reason, std::string_view cure) {
  return Error{ErrorCode::Unavailable, fmt::format("The database {} {}: {}. {}", path, what, reason, cure)};
}

Error busy(const std::string& path) {
  Error error{ErrorCode::Unavailable,
              fmt::format("The database {} stayed locked by another process", path),
              {},
              "Try again; if it lasts, look for a second latchkey or a backup that holds it."};
  error.retry_after = seconds(1);
  return error;
}

std::string texts_of_array(std::string_view parameter) {
  return fmt::format("json_each({})", parameter);
}

constexpr Dialect kDialect{
    .begin_write = "BEGIN IMMEDIATE",
    .greatest = "max",
    .least = "min",
    .texts_of_array = texts_of_array,
    .last_notice = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notices'), 0)",
};

}  // namespace

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(std::string path,
                                                                 std::chrono::milliseconds busy_timeout) {
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(std::move(path)));
  sqlite3* database = nullptr;
  // Only one thread at a time uses a connection, so SQLite's own mutexes would only cost time.
  int code = sqlite3_open_v2(connection->path_.c_str(), &database,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  connection->database_.reset(database);
  if (code != SQLITE_OK) return connection->failure(code);
  connection->set_busy_timeout(busy_timeout);
  // Someone else may have put the file there: nothing in its schema may call functions with side effects.
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  LATCHKEY_TRYV(
      connection->execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"));
  return connection;
}

const Dialect& SqliteConnection::dialect() const {
  return kDialect;
}

Result<Statement> SqliteConnection::prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                  &statement, nullptr);
    if (code != SQLITE_OK) return failure(code);
    found = statements_.emplace(std::string(sql), statement).first;
  }
  return Statement(std::make_unique<SqliteStatement>(*this, found->second.get()));
}

Result<void> SqliteConnection::execute(const std::string& script) {
  int code = sqlite3_exec(database_.get(), script.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code);
  return success();
}

void SqliteConnection::set_deadline(std::optional<Deadline> deadline) {
  deadline_ = deadline;
  sqlite3_progress_handler(database_.get(), deadline ? kStepsBetweenLooks : 0, deadline ? is_past : nullptr,
                           &deadline_);
}

bool SqliteConnection::is_past_deadline() const {
  return deadline_ && std::chrono::steady_clock::now() >= *deadline_;
}

Error SqliteConnection::timed_out() const {
  Error error{ErrorCode::Unavailable,
              fmt::format("The database {} could not do this in the time it has, and nothing was changed", path_),
              reason::kStoreTimeout, "Try again; where it was a list, ask for fewer entries."};
  error.retry_after = seconds(1);
  return error;
}

std::vector<std::string> SqliteConnection::prepared() const {
  std::vector<std::string> texts;
  texts.reserve(statements_.size());
  for (const auto& [text, statement] : statements_) texts.push_back(text);
  return texts;
}

bool SqliteConnection::in_transaction() const {
  return sqlite3_get_autocommit(database_.get()) == 0;
}

std::int64_t SqliteConnection::changes() const {
  return sqlite3_changes64(database_.get());
}

Result<Bytes> SqliteConnection::read_file(std::int64_t offset, std::size_t most) const {
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code != SQLITE_OK || file == nullptr || file->pMethods == nullptr) return failure(SQLITE_IOERR);
  sqlite3_int64 size = 0;
  code = file->pMethods->xFileSize(file, &size);
  if (code != SQLITE_OK) return failure(code);
  Bytes bytes(std::min(most, static_cast<std::size_t>(std::max<std::int64_t>(size - offset, 0))));
  if (bytes.empty()) return bytes;
  code = file->pMethods->xRead(file, bytes.data(), static_cast<int>(bytes.size()), offset);
  if (code != SQLITE_OK) return failure(code);
  return bytes;
}

Result<std::int64_t> SqliteConnection::wal_size() const {
  sqlite3_file* wal = nullptr;
  int code = sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (code != SQLITE_OK || wal == nullptr || wal->pMethods == nullptr) return failure(SQLITE_IOERR);
  sqlite3_int64 size = 0;
  code = wal->pMethods->xFileSize(wal, &size);
  if (code != SQLITE_OK) return failure(code);
  return std::int64_t{size};
}

void SqliteConnection::set_busy_timeout(std::chrono::milliseconds busy_timeout) {
  sqlite3_busy_timeout(database_.get(), static_cast<int>(busy_timeout.count()));
}

Error SqliteConnection::failure(int code) const {
  auto* database = database_.get();
  auto reason = reason_of(database, code);
  switch (code & kPrimaryCode) {
    case SQLITE_FULL:
      return storage_full(path_);
    case SQLITE_IOERR:
      if (is_out_of_space(database)) return storage_full(path_);
      return unavailable(path_, "cannot be read or written", reason, "Check its disk and the system's log.");
    case SQLITE_CANTOPEN:
      return unavailable(path_, "cannot be opened", reason,
                         "Check that it and its folder exist and that this user may read and write them.");
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return unavailable(path_, "cannot be written", reason,
                         "Check that it is where it was, that its disk is not mounted read-only, and that this user "
                         "may write it and its folder.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return busy(path_);
    case SQLITE_INTERRUPT:
      return timed_out();
    case SQLITE_NOMEM:
      return unavailable(path_, "cannot be used now", reason, "Give the process more memory, then try again.");
    case SQLITE_NOTADB:
      return Error{ErrorCode::Internal,
                   fmt::format("{} is not an SQLite database, or its beginning is damaged", path_),
                   {},
                   "Name another file for the database, or restore this one from a backup."};
    case SQLITE_CORRUPT:
      return Error{ErrorCode::Internal,
                   fmt::format("The database {} is damaged ({})", path_, reason),
                   {},
                   "Stop the server, keep a copy of the file and its -wal, and restore a backup."};
    default:
      return Error{ErrorCode::Internal, fmt::format("The database {} refused a statement: {}.", path_, reason)};
  }
}

void SqliteConnection::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

void SqliteConnection::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

}  // namespace latchkey::store
