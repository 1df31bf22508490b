// One connection to an SQL database, as queries see it. Used by one thread at a time.
//
// The texts of the queries are the same for every engine; Dialect has what engines spell differently. Beyond that, an
// engine's tables have a column `rowid` that numbers rows in the order of insertion, as SQLite's do by themselves, and
// keep flags as the integers 0 and 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/sql/statement.hpp"

namespace latchkey::store {

struct Dialect {
  // Begins a transaction that will write.
  std::string_view begin_write;
  // The functions that return the greatest and the least of their arguments.
  std::string_view greatest;
  std::string_view least;
  // The FROM clause for the texts of a JSON array, with one column `value`; the argument is the array's parameter.
  std::string (*texts_of_array)(std::string_view parameter);
  // Selects the latest sequence number of `notices`, also where that notice was erased; 0 before the first.
  std::string_view last_notice;
};

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  [[nodiscard]] virtual const Dialect& dialect() const = 0;
  // The database's name in errors.
  [[nodiscard]] virtual const std::string& name() const = 0;

  // A statement that is ready to be bound; its parameters are spelled "?" and "?1". There is one statement per text:
  // finish with it before preparing the text again. Errors, here and below, are those of store.hpp.
  [[nodiscard]] virtual Result<Statement> prepare(std::string_view sql) = 0;
  // Runs one or more statements and ignores their rows.
  [[nodiscard]] virtual Result<void> execute(const std::string& script) = 0;
  // The number of rows that the last insert, update or delete changed.
  [[nodiscard]] virtual std::int64_t changes() const = 0;
  // An engine may end a transaction by itself when it fails.
  [[nodiscard]] virtual bool in_transaction() const = 0;

  // The one value of a statement without parameters.
  [[nodiscard]] Result<std::int64_t> query_integer(std::string_view sql);
  [[nodiscard]] Result<std::string> query_text(std::string_view sql);
};

}  // namespace latchkey::store
