#include "store/sql/sealing.hpp"

#include <functional>
#include <limits>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "store/sealed_rows.hpp"
#include "store/sql/column_lists.hpp"
#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

namespace {

SealText mark_text() {
  return SealText("root_key");
}

Result<std::optional<Bytes>> read_mark(Connection& connection) {
  LATCHKEY_TRY(auto statement, connection.prepare("SELECT seal FROM root_key WHERE one = 1"));
  LATCHKEY_TRY(bool found, statement.step());
  if (!found) return std::optional<Bytes>();
  Row row(statement);
  return std::optional(row.bytes());
}

Result<void> write_mark(Connection& connection, const RowSealer& sealer) {
  LATCHKEY_TRY(auto statement, connection.prepare("INSERT INTO root_key (one, seal) VALUES (1, ?) ON CONFLICT (one) DO "
                                                  "UPDATE SET seal = excluded.seal"));
  statement.bind(sealer.seal(mark_text()));
  LATCHKEY_TRYV(statement.step());
  return success();
}

std::string name_of(const SealKeyId& id) {
  return "local:" + hex_encode(id);
}

template <class Work>
auto in_transaction(Connection& connection, Work work) -> std::invoke_result_t<Work> {
  LATCHKEY_TRYV(connection.execute(std::string(connection.dialect().begin_write)));
  auto done = work();
  if (done) {
    if (auto committed = connection.execute("COMMIT"); !committed) done = committed.error();
  }
  if (!done && connection.in_transaction()) (void)connection.execute("ROLLBACK");  // the caller gets the first failure
  return done;
}

struct Visited {
  std::int64_t rowid = 0;
  Bytes seal;  // under the newest key
};

// Which rows of every table a pass visits, which of them it accepts, and whether it seals those anew.
struct Pass {
  std::string_view which = "TRUE";                                // ?1: the newest key's id
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();  // of each table
  std::function<bool(const SealText&, ByteView seal)> believe;
  bool writes = true;
};

// Visits the rows of T's table behind `progress`, and moves `progress` behind them, or to the next table.
template <class T>
Result<void> pass_table(Connection& connection, const RowCheck& check, const Pass& pass, SealProgress& progress) {
  std::vector<Visited> visited;
  std::int64_t looked_at = 0;
  {
    LATCHKEY_TRY(auto statement,
                 connection.prepare(fmt::format("SELECT {}, rowid FROM {} WHERE ({}) AND ?1 IS NOT NULL AND "
                                                "rowid > ?2 ORDER BY rowid LIMIT ?3",
                                                columns_read<T>(), Table<T>::kName, pass.which)));
    auto newest = check.sealer.newest();
    statement.bind(ByteView(newest));
    statement.bind(progress.row);
    statement.bind(pass.limit);
    for (;; ++looked_at) {
      LATCHKEY_TRY(bool more, statement.step());
      if (!more) break;
      Row row(statement);
      auto read = read_sealed<T>(row, check.key_place);
      progress.row = row.integer();
      auto text = seal_text(read.value);
      bool believed = read.is_whole && pass.believe(text, read.seal);
      ++(believed ? progress.counts.sealed : progress.counts.refused);
      if (believed && pass.writes) visited.push_back({progress.row, check.sealer.seal(text)});
    }
  }
  for (const auto& row : visited) {
    LATCHKEY_TRY(auto update,
                 connection.prepare(fmt::format("UPDATE {} SET seal = ? WHERE rowid = ?", Table<T>::kName)));
    update.bind(row.seal);
    update.bind(row.rowid);
    LATCHKEY_TRYV(update.step());
  }
  if (looked_at < pass.limit) {
    ++progress.table;
    progress.row = 0;
  }
  return success();
}

using PassTable = Result<void> (*)(Connection&, const RowCheck&, const Pass&, SealProgress&);
constexpr std::array<PassTable, 8> kTables{pass_table<ApiKey>,          pass_table<ExternalKey>,
                                           pass_table<Workspace>,       pass_table<DataKey>,
                                           pass_table<LeasePolicy>,     pass_table<ExternalKeySuspension>,
                                           pass_table<WebhookEndpoint>, pass_table<WebhookDelivery>};

// Does one step of a pass: a table, or as much of it as the limit permits.
Result<void> go_on(Connection& connection, const RowCheck& check, const Pass& pass, SealProgress& progress) {
  if (progress.table < kTables.size()) {
    LATCHKEY_TRYV(kTables[progress.table](connection, check, pass, progress));
  }
  progress.done = progress.table >= kTables.size();
  return success();
}

Result<SealCounts> pass_all(Connection& connection, const RowCheck& check, const Pass& pass) {
  SealProgress progress;
  while (!progress.done) {
    LATCHKEY_TRYV(go_on(connection, check, pass, progress));
  }
  return progress.counts;
}

// Accepts rows that verify.
std::function<bool(const SealText&, ByteView)> verified_by(const RowSealer& sealer) {
  return [&sealer](const SealText& text, ByteView seal) { return sealer.check(text, seal) == SealVerdict::Good; };
}

}  // namespace

Result<StoreState> read_state(Connection& connection) {
  StoreState state;
  LATCHKEY_TRY(auto organizations, connection.query_integer("SELECT EXISTS (SELECT 1 FROM organizations)"));
  state.empty = organizations == 0;
  LATCHKEY_TRY(auto mark, read_mark(connection));
  if (mark && mark->size() >= std::tuple_size_v<SealKeyId>) {
    std::copy_n(mark->begin(), std::tuple_size_v<SealKeyId>, state.root_key.emplace().begin());
  }
  return state;
}

Result<void> check_mark(Connection& connection, const StoreState& state, const RowSealer& sealer) {
  LATCHKEY_TRY(auto mark, read_mark(connection));
  if (!mark) {
    if (state.empty) return write_mark(connection, sealer);
    return Error{ErrorCode::Internal,
                 fmt::format("The rows of the database {} are not sealed: it was written by a Latchkey from before "
                             "there were seals, or somebody took its seal away",
                             connection.name()),
                 {},
                 "If you have just upgraded, and nobody else can write the file, seal it once: latchkey root-key seal "
                 "--config FILE."};
  }
  switch (sealer.check(mark_text(), *mark)) {
    case SealVerdict::Good:
      return success();
    case SealVerdict::UnknownKey:
      return Error{
          ErrorCode::Invalid,
          fmt::format("The database {} is sealed under the root key {}, and the root key file has {}",
                      connection.name(), state.root_key ? name_of(*state.root_key) : "?", name_of(sealer.newest())),
          {},
          "Restore the root key file that belongs to this database: without it nothing that it protects can be read."};
    default:
      return Error{
          ErrorCode::Internal,
          fmt::format("The mark of the root key in the database {} was changed by somebody else", connection.name()),
          {},
          "Restore a backup of the database, and find out who can write it."};
  }
}

Result<SealCounts> seal_existing(Connection& connection, const RowCheck& check) {
  return in_transaction(connection, [&]() -> Result<SealCounts> {
    LATCHKEY_TRY(auto mark, read_mark(connection));
    if (mark) {
      return Error{
          ErrorCode::Conflict,
          fmt::format("The database {} is sealed already. A row without a seal was not written by Latchkey: see "
                      "docs/operate.md, \"When a row does not verify\".",
                      connection.name())};
    }
    LATCHKEY_TRY(auto counts, pass_all(connection, check, {.believe = [](const SealText&, ByteView) { return true; }}));
    LATCHKEY_TRYV(write_mark(connection, check.sealer));
    return counts;
  });
}

Result<SealCounts> check_rows(Connection& connection, const RowCheck& check) {
  return pass_all(connection, check, {.believe = verified_by(check.sealer), .writes = false});
}

Result<SealProgress> reseal(Connection& connection, const RowCheck& check, SealProgress from, std::size_t limit) {
  return in_transaction(connection, [&]() -> Result<SealProgress> {
    LATCHKEY_TRYV(go_on(connection, check,
                        {.which = "seal IS NULL OR substr(seal, 1, 8) <> ?1",
                         .limit = sql_limit(limit),
                         .believe = verified_by(check.sealer)},
                        from));
    if (from.done && from.counts.sealed == 0) {
      LATCHKEY_TRYV(write_mark(connection, check.sealer));
    }
    return from;
  });
}

}  // namespace latchkey::store
