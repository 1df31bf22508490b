#include "store/sql/connection.hpp"

namespace latchkey::store {

Result<std::int64_t> Connection::query_integer(std::string_view sql) {
  LATCHKEY_TRY(auto statement, prepare(sql));
  LATCHKEY_TRY(bool found, statement.step());
  return found ? Row(statement).integer() : 0;
}

Result<std::string> Connection::query_text(std::string_view sql) {
  LATCHKEY_TRY(auto statement, prepare(sql));
  LATCHKEY_TRY(bool found, statement.step());
  return found ? Row(statement).text() : std::string();
}

}  // namespace latchkey::store
