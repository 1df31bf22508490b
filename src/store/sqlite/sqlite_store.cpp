#include "store/sqlite/sqlite_store.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <sqlite3.h>

#include "store/sql/sealing.hpp"
#include "store/sql/transaction.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/lane.hpp"
#include "store/sqlite/migrations.hpp"
#include "store/sqlite/purger.hpp"

namespace latchkey::store {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivate = S_IRUSR | S_IWUSR;

Error cannot_open(const std::string& path, const std::string& reason, std::string_view cure) {
  return Error{ErrorCode::Unavailable, fmt::format("The database {} cannot be opened: {}. {}", path, reason, cure)};
}

Error cannot_open(const std::string& path, int system) {
  return cannot_open(path, std::generic_category().message(system),
                     "Check that its folder exists and that this user may read and write the file and the folder.");
}

// Makes the file, empty and private to its owner, where there is none; SQLite gives -wal and -shm the same mode. An
// existing file is not opened here: closing it again would drop the locks that this process holds on it.
Result<void> ensure_private_file(const std::string& path) {
  int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kPrivate);
  if (made >= 0) {
    ::close(made);
    auto folder = fs::path(path).parent_path();
    int above = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool durable = above >= 0 && ::fsync(above) == 0;
    int reason = errno;
    if (above >= 0) ::close(above);
    if (!durable) return cannot_open(path, reason);
    return success();
  }
  if (errno != EEXIST) return cannot_open(path, errno);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return cannot_open(path, errno);
  if (!S_ISREG(status.st_mode)) return cannot_open(path, "it is not a file", "Name a file for the database.");
  if ((status.st_mode & ~(S_IFMT | kPrivate)) != 0 && ::chmod(path.c_str(), kPrivate) != 0) {
    return cannot_open(
        path,
        fmt::format("others may read it, and its mode cannot be changed ({})", std::generic_category().message(errno)),
        "Give the file to the user that runs latchkey.");
  }
  return success();
}

Result<std::string> absolute_path(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return cannot_open("\"\"", "its name is empty or has a NUL", "Name a file for the database.");
  }
  std::error_code failed;
  // Absolute, because SQLite does not treat names such as ":memory:" as files.
  auto absolute = fs::absolute(path, failed);
  if (failed) return cannot_open(path, failed.value());
  return absolute.string();
}

Result<std::unique_ptr<SqliteConnection>> open_writer(const SqliteOptions& options) {
  LATCHKEY_TRY(auto writer, SqliteConnection::open(options.path, options.busy_timeout));
  // Comes before any write: the file may be another program's.
  LATCHKEY_TRYV(check_identity(*writer, migrations()));
  if (options.max_pages > 0) {
    LATCHKEY_TRYV(writer->execute(fmt::format("PRAGMA max_page_count = {}", options.max_pages)));
  }
  LATCHKEY_TRY(auto mode, writer->query_text("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return cannot_open(options.path, "its file system cannot share memory between processes (a network file system?)",
                       "Keep the database on a local disk.");
  }
  // Deleting overwrites: destroyed wrapped keys must not be found again.
  LATCHKEY_TRYV(writer->execute("PRAGMA secure_delete = ON"));
  LATCHKEY_TRYV(migrate(*writer, migrations()));
  // Keeps a burst from leaving a large -wal behind.
  LATCHKEY_TRYV(writer->execute("PRAGMA journal_size_limit = 67108864"));
  return writer;
}

Result<std::unique_ptr<SqliteConnection>> open_reader(const SqliteOptions& options) {
  LATCHKEY_TRY(auto reader, SqliteConnection::open(options.path, options.busy_timeout));
  LATCHKEY_TRYV(reader->execute("PRAGMA query_only = ON"));
  return reader;
}

using Work = std::function<Result<void>(Transaction&)>;

// The caller's exceptions end here: no exception crosses a module.
Result<void> call(const Work& work, Transaction& transaction) {
  try {
    return work(transaction);
  } catch (const std::exception& thrown) {
    return Error{ErrorCode::Internal, fmt::format("A database transaction was given up after \"{}\".", thrown.what())};
  } catch (...) {
    return Error{ErrorCode::Internal, "A database transaction was given up after an unknown exception."};
  }
}

// What all transactions of a store share; all of it outlives them.
struct Setting {
  const RawId& node;
  const RowSealer& sealer;
  const KeyPlaceOf& key_place;
  const AlarmSink& alarm;
  Changes& changes;
};

// The connection's next user has another deadline, or none.
struct DeadlineGuard {
  explicit DeadlineGuard(SqliteConnection& of) : connection(of) {}
  DeadlineGuard(const DeadlineGuard&) = delete;
  DeadlineGuard& operator=(const DeadlineGuard&) = delete;
  ~DeadlineGuard() { connection.set_deadline(std::nullopt); }
  SqliteConnection& connection;
};

Result<void> run_transaction(SqliteConnection& connection, const Work& work, SqlTransaction::Mode mode,
                             const Setting& setting, Deadline deadline) {
  connection.set_deadline(deadline);
  DeadlineGuard guard(connection);
  // The work may have waited long for its turn.
  if (connection.is_past_deadline()) return connection.timed_out();
  bool writes = mode == SqlTransaction::Mode::ReadWrite;
  LATCHKEY_TRY(auto begin, connection.prepare(writes ? "BEGIN IMMEDIATE" : "BEGIN"));
  LATCHKEY_TRYV(begin.step());
  auto work_and_commit = [&]() -> Result<void> {
    // This reads the file, and so fixes the snapshot that the whole transaction sees.
    LATCHKEY_TRYV(check_schema_version(connection, migrations()));
    SqlTransaction transaction(connection, mode, setting.node, setting.sealer, setting.key_place, setting.alarm);
    auto done = call(work, transaction);
    // A failure that the work ignored still counts.
    if (done && transaction.failure()) return *transaction.failure();
    if (!done) return done;
    LATCHKEY_TRYV(
        transaction.tell_what_changed(std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())));
    connection.set_deadline(std::nullopt);
    LATCHKEY_TRY(auto commit, connection.prepare("COMMIT"));
    auto committed = commit.step();
    // Noted whatever became of it: a commit that fails may still have reached the disk.
    for (const auto& organization : transaction.changed()) setting.changes.note(organization);
    LATCHKEY_TRYV(std::move(committed));
    return success();
  };
  auto done = work_and_commit();
  connection.set_deadline(std::nullopt);
  if (connection.in_transaction()) {
    auto rollback = connection.execute("ROLLBACK");
    if (!rollback && done) return rollback;
  }
  return done;
}

// What a purge has to do.
struct Notes {
  bool any = false;         // something is to be searched for
  bool waited_for = false;  // for destroyed data keys: a failure is the caller's error
};

Result<Notes> look_for_notes(SqliteConnection& reader, const std::optional<Uuid>& compartment) {
  if (compartment) {
    LATCHKEY_TRY(bool pending, has_pending_forms(reader, *compartment));
    return Notes{pending, pending};
  }
  LATCHKEY_TRY(auto any, reader.query_integer("SELECT EXISTS (SELECT 1 FROM erased_forms)"));
  LATCHKEY_TRY(auto destroyed, reader.query_integer("SELECT EXISTS (SELECT 1 FROM erased_forms WHERE pending = 1)"));
  return Notes{any != 0, destroyed != 0};
}

struct Connections {
  std::vector<std::unique_ptr<SqliteConnection>> writer;  // one
  std::vector<std::unique_ptr<SqliteConnection>> look_ups;
  std::vector<std::unique_ptr<SqliteConnection>> readers;
  std::unique_ptr<SqliteConnection> searcher;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(Connections connections, std::shared_ptr<const RowSealer> sealer, const SqliteOptions& options)
      : sealer_(std::move(sealer)),
        key_place_(options.key_place),
        alarm_(options.alarm),
        read_timeout_(options.read_timeout),
        write_timeout_(options.write_timeout),
        writer_(std::move(connections.writer), options.most_waiting),
        look_ups_(std::move(connections.look_ups), options.most_waiting),
        readers_(std::move(connections.readers), options.most_waiting),
        purger_(std::move(connections.searcher), writer_, options.busy_timeout, options.purge) {
    sqlite3_randomness(static_cast<int>(node_.size()), node_.data());
  }

  Task<Result<void>> purge(std::optional<Uuid> compartment) override {
    auto look = [compartment](SqliteConnection& reader) { return look_for_notes(reader, compartment); };
    // Reads the notes before the round: a later note is no failure of this one.
    LATCHKEY_CO_TRY(auto notes, co_await look_ups_.run(look));
    if (!notes.any && !purger_.left_checkpoints_off()) co_return success();
    auto purged = co_await purger_.purge();
    if (purged || !notes.waited_for) co_return success();
    if (!compartment) co_return purged;
    // All callers share the round, and it may have failed because of what others destroyed.
    LATCHKEY_CO_TRY(auto left, co_await look_ups_.run(look));
    if (!left.any) co_return success();
    co_return purged;
  }

  void stop_purging() override { purger_.stop(); }

  Changes& changes() override { return changes_; }

  Task<Result<SealCounts>> check_seals() override {
    auto work = [this](SqliteConnection& writer) { return check_rows(writer, {*sealer_, key_place_}); };
    co_return co_await writer_.run(std::move(work));
  }

  Task<Result<SealProgress>> reseal(SealProgress from, std::size_t limit) override {
    auto work = [this, from, limit](SqliteConnection& writer) {
      return store::reseal(writer, {*sealer_, key_place_}, from, limit);
    };
    co_return co_await writer_.run(std::move(work));
  }

 protected:
  Task<Result<void>> run(Access access, Work work) override {
    bool writes = access == Access::Write;
    auto deadline = std::chrono::steady_clock::now() + (writes ? write_timeout_ : read_timeout_);
    auto mode = writes ? SqlTransaction::Mode::ReadWrite : SqlTransaction::Mode::ReadOnly;
    auto transact = [this, mode, deadline, inner = std::move(work)](SqliteConnection& connection) {
      return run_transaction(connection, inner, mode, {node_, *sealer_, key_place_, alarm_, changes_}, deadline);
    };
    auto& lane = writes ? writer_ : access == Access::LookUp ? look_ups_ : readers_;
    co_return co_await lane.run(std::move(transact));
  }

 private:
  RawId node_{};
  std::shared_ptr<const RowSealer> sealer_;
  KeyPlaceOf key_place_;
  AlarmSink alarm_;
  Changes changes_;
  std::chrono::milliseconds read_timeout_;
  std::chrono::milliseconds write_timeout_;
  Lane writer_;
  Lane look_ups_;
  Lane readers_;
  Purger purger_;  // declared last: it must end before the lane that it uses
};

// Runs under the writer's lock: of two servers that start at once on a new file, one marks it.
Result<std::shared_ptr<const RowSealer>> find_sealer(SqliteConnection& writer, const SqliteOptions& options) {
  LATCHKEY_TRYV(writer.execute("BEGIN IMMEDIATE"));
  auto find = [&]() -> Result<std::shared_ptr<const RowSealer>> {
    LATCHKEY_TRY(auto state, read_state(writer));
    LATCHKEY_TRY(auto sealer, options.sealer(state));
    LATCHKEY_TRYV(check_mark(writer, state, *sealer));
    LATCHKEY_TRYV(writer.execute("COMMIT"));
    return sealer;
  };
  auto found = find();
  if (!found && writer.in_transaction()) (void)writer.execute("ROLLBACK");  // the caller gets the first failure
  return found;
}

}  // namespace

Result<SealCounts> seal_sqlite_store(SqliteOptions options) {
  LATCHKEY_TRY(options.path, absolute_path(options.path));
  LATCHKEY_TRYV(ensure_private_file(options.path));
  LATCHKEY_TRY(auto writer, open_writer(options));
  LATCHKEY_TRY(auto state, read_state(*writer));
  LATCHKEY_TRY(auto sealer, options.sealer(state));
  return seal_existing(*writer, {*sealer, options.key_place});
}

Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options) {
  LATCHKEY_TRY(options.path, absolute_path(options.path));
  LATCHKEY_TRYV(ensure_private_file(options.path));
  LATCHKEY_TRY(auto writer, open_writer(options));
  LATCHKEY_TRY(auto sealer, find_sealer(*writer, options));
  Connections connections;
  connections.writer.push_back(std::move(writer));
  for (auto* readers : {&connections.look_ups, &connections.readers}) {
    for (unsigned i = 0; i < std::max(options.readers, 1U); ++i) {
      LATCHKEY_TRY(auto reader, open_reader(options));
      readers->push_back(std::move(reader));
    }
  }
  LATCHKEY_TRY(connections.searcher, open_reader(options));
  try {
    return std::make_unique<SqliteStore>(std::move(connections), std::move(sealer), options);
  } catch (const std::system_error& thrown) {
    return cannot_open(options.path, fmt::format("no thread could be started ({})", thrown.what()),
                       "Raise the limit on this user's processes.");
  }
}

}  // namespace latchkey::store
