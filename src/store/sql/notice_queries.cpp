// Notices between nodes on the same database.
#include <algorithm>

#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

Result<void> SqlTransaction::notify(const Notice& notice) {
  LATCHKEY_TRYV(write("Telling other nodes",
                      "INSERT INTO notices (node, kind, external_key_id, compartment, organization, created_at) VALUES "
                      "(?, ?, ?, ?, ?, ?)",
                      node_, notice.kind, notice.external_key_id, notice.compartment, notice.organization,
                      notice.created_at));
  return success();
}

void SqlTransaction::note_changed(const Uuid& organization) {
  if (std::ranges::find(changed_, organization) == changed_.end()) changed_.push_back(organization);
}

Result<void> SqlTransaction::tell_what_changed(Timestamp at) {
  for (const auto& organization : changed_) {
    Notice notice;
    notice.kind = NoticeKind::RowsChanged;
    notice.organization = organization;
    notice.created_at = at;
    LATCHKEY_TRYV(notify(notice));
  }
  return success();
}

Result<std::vector<Notice>> SqlTransaction::notices_after(std::int64_t sequence, std::size_t limit) {
  return select_unsealed<Notice>("WHERE sequence > ? AND node <> ? ORDER BY sequence LIMIT ?", sequence, node_,
                                 sql_limit(limit));
}

Result<std::int64_t> SqlTransaction::last_notice() {
  if (failure_) return *failure_;
  // The number counts erased notices, too.
  return watch(connection_.query_integer(connection_.dialect().last_notice));
}

Result<std::size_t> SqlTransaction::erase_notices_before(Timestamp time, std::size_t limit) {
  // Looks only at the first rows: they are ordered by time, or nearly.
  LATCHKEY_TRY(auto erased, write("Forgetting notices",
                                  "DELETE FROM notices WHERE sequence IN (SELECT sequence FROM notices ORDER BY "
                                  "sequence LIMIT ?) AND created_at < ?",
                                  sql_limit(limit), time));
  return static_cast<std::size_t>(erased);
}

}  // namespace latchkey::store
