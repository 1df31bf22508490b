// The health of external keys, and what an operator suspended.
#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

// Ids alone decide where a page ends: a row that does not verify is left out and does not end the list.
Result<AttachedKeys> SqlTransaction::list_attached_external_keys(std::string_view after, std::size_t limit) {
  AttachedKeys page;
  LATCHKEY_TRY(page.next, last_of_page("external_keys", after, limit));
  auto is_asked = [&](const ExternalKey& row) { return row.id > after && (!page.next || row.id <= *page.next); };
  LATCHKEY_TRY(auto keys, read_rows<ExternalKey>(
                              Unverified::LeftOut, is_asked,
                              "WHERE id > ?1 AND (id <= ?2 OR ?2 IS NULL) AND EXISTS (SELECT 1 FROM workspaces WHERE "
                              "workspaces.organization = external_keys.organization AND workspaces.external_key_id = "
                              "external_keys.id) ORDER BY id LIMIT ?3",
                              after, page.next, sql_limit(limit)));
  for (auto& key : keys) {
    LATCHKEY_TRY(auto health, find_external_key_health(key.organization, key.id));
    page.rows.push_back({std::move(key), std::move(health)});
  }
  return page;
}

// The id of the last of `limit` rows behind `after`; absent where no more rows follow.
Result<std::optional<std::string>> SqlTransaction::last_of_page(std::string_view table, std::string_view after,
                                                                std::size_t limit) {
  using Id = std::optional<std::string>;
  if (failure_) return *failure_;
  auto run = [&]() -> Result<Id> {
    LATCHKEY_TRY(auto statement, connection_.prepare(fmt::format(
                                     "SELECT id FROM {} WHERE id > ? ORDER BY id LIMIT 2 OFFSET ?", table)));
    statement.bind(after);
    statement.bind(sql_limit(limit) - 1);
    LATCHKEY_TRY(bool is_full, statement.step());
    if (!is_full) return Id();
    auto last = Row(statement).text();
    LATCHKEY_TRY(bool more, statement.step());
    return more ? Id(std::move(last)) : Id();
  };
  return watch(run());
}

Result<std::optional<DataKey>> SqlTransaction::find_data_key_under(const Uuid& organization,
                                                                   std::string_view external_key_id) {
  auto is_asked = [&](const DataKey& row) {
    return row.organization == organization && row.external_key_id == external_key_id &&
           row.state != DataKeyState::Destroyed;
  };
  return find<DataKey>(is_asked,
                       "WHERE organization = ? AND external_key_id = ? "
                       "AND state <> 'destroyed' "
                       "ORDER BY created_at DESC, id DESC LIMIT 1",
                       organization, external_key_id);
}

Result<void> SqlTransaction::put(const ExternalKeyHealth& row) {
  return insert_row(
      row, fmt::format("ON CONFLICT (external_key_id) DO UPDATE SET {}", column_replacements<ExternalKeyHealth>()));
}

Result<std::optional<ExternalKeyHealth>> SqlTransaction::find_external_key_health(const Uuid& organization,
                                                                                  std::string_view external_key_id) {
  return find_unsealed<ExternalKeyHealth>("WHERE organization = ? AND external_key_id = ?", organization,
                                          external_key_id);
}

Result<void> SqlTransaction::set_suspended(ExternalKey row, bool suspended) {
  row.suspended = suspended;
  note_changed(row.organization);
  LATCHKEY_TRYV(write("Marking an external key as suspended",
                      "UPDATE external_keys SET suspended = ?, seal = ? WHERE id = ?", suspended, seal_of(row),
                      row.id));
  return success();
}

Result<void> SqlTransaction::insert(const ExternalKeySuspension& row) {
  LATCHKEY_TRYV(may_write("Suspending an external key"));
  LATCHKEY_TRY(auto key, find_external_key(row.organization, row.external_key_id));
  if (!key) return not_there("external key", row.external_key_id);
  LATCHKEY_TRYV(insert_row(row));
  return set_suspended(std::move(*key), true);
}

Result<std::optional<ExternalKeySuspension>> SqlTransaction::find_suspension(const Uuid& organization,
                                                                             std::string_view external_key_id) {
  auto is_asked = [&](const ExternalKeySuspension& row) {
    return row.organization == organization && row.external_key_id == external_key_id;
  };
  LATCHKEY_TRY(auto found, find<ExternalKeySuspension>(is_asked, "WHERE organization = ? AND external_key_id = ?",
                                                       organization, external_key_id));
  if (found) return found;
  LATCHKEY_TRY(auto key, find_external_key(organization, external_key_id));
  if (!key || !key->suspended) return found;
  IntegrityAlarm alarm{.table = std::string(Table<ExternalKeySuspension>::kName),
                       .id = key->id,
                       .organization = organization,
                       .verdict = SealVerdict::Gone};
  if (alarm_) alarm_(alarm);
  return watch(Result<std::optional<ExternalKeySuspension>>(integrity_error(alarm, connection_.name())));
}

Result<bool> SqlTransaction::erase_suspension(const Uuid& organization, std::string_view external_key_id) {
  LATCHKEY_TRYV(may_write("Resuming an external key"));
  LATCHKEY_TRY(auto key, find_external_key(organization, external_key_id));
  if (!key) return false;
  LATCHKEY_TRY(auto changed, write("Resuming an external key",
                                   "DELETE FROM external_key_suspensions WHERE organization = ? AND "
                                   "external_key_id = ?",
                                   organization, external_key_id));
  bool was_suspended = key->suspended || changed > 0;
  if (was_suspended) {
    LATCHKEY_TRYV(set_suspended(std::move(*key), false));
  }
  return was_suspended;
}

}  // namespace latchkey::store
