#include "store/sqlite/sealing.hpp"

#include <functional>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "store/sealed_rows.hpp"
#include "store/sqlite/columns.hpp"
#include "store/sqlite/transaction_queries.hpp"

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
Result<SealCounts> in_transaction(Connection& connection, Work work) {
  LATCHKEY_TRYV(connection.execute("BEGIN IMMEDIATE"));
  auto done = work();
  if (done) {
    if (auto committed = connection.execute("COMMIT"); !committed) done = committed.error();
  }
  if (!done && connection.in_transaction())
    (void)connection.execute("ROLLBACK");  // the first failure is the one to tell
  return done;
}

struct Visited {
  std::int64_t rowid = 0;
  Bytes seal;  // under the newest key
};

// Which rows of every table are looked at, which of them are believed, and whether those are sealed anew.
struct Pass {
  std::string_view which;   // ?1: the newest key's id
  std::int64_t limit = -1;  // of each table
  std::function<bool(const SealText&, ByteView seal)> believe;
  bool writes = true;
};

template <class T>
Result<std::vector<Visited>> visit(Connection& connection, const RowSealer& sealer, const Pass& pass,
                                   SealCounts& counts) {
  LATCHKEY_TRY(auto statement, connection.prepare(fmt::format("SELECT {}, seal, rowid FROM {} WHERE {} LIMIT ?2",
                                                              Columns<T>::kNames, Columns<T>::kTable, pass.which)));
  auto newest = sealer.newest();
  statement.bind(ByteView(newest));
  statement.bind(pass.limit);
  std::vector<Visited> visited;
  for (;;) {
    LATCHKEY_TRY(bool more, statement.step());
    if (!more) return visited;
    Row row(statement);
    auto value = Columns<T>::read(row);
    auto seal = row.optional_bytes().value_or(Bytes());
    auto rowid = row.integer();
    auto text = seal_text(value);
    if (row.damaged() || !pass.believe(text, seal)) {
      ++counts.refused;
    } else {
      ++counts.sealed;
      if (pass.writes) visited.push_back({rowid, sealer.seal(text)});
    }
  }
}

template <class T>
Result<void> pass_table(Connection& connection, const RowSealer& sealer, const Pass& pass, SealCounts& counts) {
  LATCHKEY_TRY(auto visited, visit<T>(connection, sealer, pass, counts));
  for (const auto& row : visited) {
    LATCHKEY_TRY(auto update,
                 connection.prepare(fmt::format("UPDATE {} SET seal = ? WHERE rowid = ?", Columns<T>::kTable)));
    update.bind(row.seal);
    update.bind(row.rowid);
    LATCHKEY_TRYV(update.step());
  }
  return success();
}

Result<SealCounts> pass_all(Connection& connection, const RowSealer& sealer, const Pass& pass) {
  SealCounts counts;
  LATCHKEY_TRYV(pass_table<ApiKey>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<ExternalKey>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<Workspace>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<DataKey>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<LeasePolicy>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<ExternalKeySuspension>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<WebhookEndpoint>(connection, sealer, pass, counts));
  LATCHKEY_TRYV(pass_table<WebhookDelivery>(connection, sealer, pass, counts));
  return counts;
}

// Believes what verifies.
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
    return Error{
        ErrorCode::Internal,
        fmt::format("The rows of the database {} are not sealed: it was written by a Latchkey from before there were "
                    "seals, or somebody took its seal away. If you have just upgraded, and nobody else can write the "
                    "file, seal it once: latchkey root-key seal --config FILE.",
                    connection.path())};
  }
  switch (sealer.check(mark_text(), *mark)) {
    case SealVerdict::Good:
      return success();
    case SealVerdict::UnknownKey:
      return Error{
          ErrorCode::Invalid,
          fmt::format("The database {} is sealed under the root key {}, and the root key file has {}. Restore "
                      "the root key file that belongs to this database: without it nothing that it protects "
                      "can be read.",
                      connection.path(), state.root_key ? name_of(*state.root_key) : "?", name_of(sealer.newest()))};
    default:
      return Error{ErrorCode::Internal,
                   fmt::format("The mark of the root key in the database {} was changed by somebody else. Restore a "
                               "backup of the database, and find out who can write it.",
                               connection.path())};
  }
}

Result<SealCounts> seal_existing(Connection& connection, const RowSealer& sealer) {
  return in_transaction(connection, [&]() -> Result<SealCounts> {
    LATCHKEY_TRY(auto mark, read_mark(connection));
    if (mark) {
      return Error{
          ErrorCode::Conflict,
          fmt::format("The database {} is sealed already. A row without a seal was not written by Latchkey: see "
                      "docs/operate.md, \"When a row does not verify\".",
                      connection.path())};
    }
    LATCHKEY_TRY(auto counts,
                 pass_all(connection, sealer,
                          {.which = "?1 IS NOT NULL", .believe = [](const SealText&, ByteView) { return true; }}));
    LATCHKEY_TRYV(write_mark(connection, sealer));
    return counts;
  });
}

Result<SealCounts> check_rows(Connection& connection, const RowSealer& sealer) {
  return pass_all(connection, sealer, {.which = "?1 IS NOT NULL", .believe = verified_by(sealer), .writes = false});
}

Result<SealCounts> reseal(Connection& connection, const RowSealer& sealer, std::size_t limit) {
  return in_transaction(connection, [&]() -> Result<SealCounts> {
    LATCHKEY_TRY(auto counts, pass_all(connection, sealer,
                                       {.which = "seal IS NULL OR substr(seal, 1, 8) <> ?1",
                                        .limit = sql_limit(limit),
                                        .believe = verified_by(sealer)}));
    if (counts.sealed == 0) {
      LATCHKEY_TRYV(write_mark(connection, sealer));
    }
    return counts;
  });
}

}  // namespace latchkey::store
