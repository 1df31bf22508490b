#include "store/sql/transaction.hpp"

#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

Result<void> SqlTransaction::may_write(std::string_view what) const {
  if (failure_) return *failure_;
  if (mode_ == Mode::ReadWrite) return success();
  return Error{ErrorCode::Internal,
               fmt::format("{} was asked for in a read transaction; use Store::write for it.", what)};
}

Result<void> SqlTransaction::insert(const Organization& row) {
  return insert_row(row);
}

Result<std::optional<Organization>> SqlTransaction::find_organization(const Uuid& id) {
  return find_unsealed<Organization>("WHERE id = ?", id);
}

Result<std::vector<Organization>> SqlTransaction::list_organizations() {
  return select_unsealed<Organization>("ORDER BY created_at, id");
}

Result<void> SqlTransaction::insert(const ApiKey& row) {
  return insert_row(row);
}

Result<std::optional<ApiKey>> SqlTransaction::find_api_key_by_hash(ByteView hash) {
  auto is_asked = [&](const ApiKey& row) { return std::ranges::equal(row.hash, hash); };
  return find<ApiKey>(is_asked, "WHERE hash = ?", hash);
}

Result<std::vector<ApiKey>> SqlTransaction::list_api_keys(const Uuid& organization) {
  auto is_asked = [&](const ApiKey& row) { return row.organization == organization; };
  return select<ApiKey>(is_asked, "WHERE organization = ? ORDER BY created_at, id", organization);
}

Result<std::size_t> SqlTransaction::count_live_api_keys(const Uuid& organization) {
  LATCHKEY_TRY(auto live,
               count("SELECT count(*) FROM api_keys WHERE organization = ? AND revoked_at IS NULL", organization));
  return static_cast<std::size_t>(live);
}

Result<bool> SqlTransaction::revoke_api_key(const Uuid& organization, std::string_view id, Timestamp at) {
  LATCHKEY_TRYV(may_write("Revoking an API key"));
  auto is_asked = [&](const ApiKey& row) { return row.organization == organization && row.id == id; };
  LATCHKEY_TRY(auto row, find<ApiKey>(is_asked, "WHERE organization = ? AND id = ?", organization, id));
  if (!row) return false;
  if (!row->revoked_at) {
    LATCHKEY_TRYV(revoke(std::move(*row), at));
  }
  return true;
}

Result<void> SqlTransaction::revoke(ApiKey row, Timestamp at) {
  row.revoked_at = at;
  note_changed(row.organization);
  LATCHKEY_TRYV(write("Revoking an API key", "UPDATE api_keys SET revoked_at = ?, seal = ? WHERE id = ?", at,
                      seal_of(row), row.id));
  return success();
}

Result<void> SqlTransaction::revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) {
  LATCHKEY_TRYV(may_write("Revoking a workspace's API keys"));
  auto is_asked = [&](const ApiKey& row) { return row.workspace_id == workspace_id; };
  LATCHKEY_TRY(auto rows, select<ApiKey>(is_asked, "WHERE workspace_id = ? AND revoked_at IS NULL", workspace_id));
  for (auto& row : rows) {
    LATCHKEY_TRYV(revoke(std::move(row), at));
  }
  return success();
}

Result<void> SqlTransaction::insert(const ExternalKey& row) {
  LATCHKEY_TRYV(insert_row(row));
  return set_key_place(row);
}

Result<void> SqlTransaction::set_key_place(const ExternalKey& row) {
  LATCHKEY_TRYV(write("Noting an external key's place",
                      fmt::format("UPDATE external_keys SET {} = ? WHERE id = ?", Table<ExternalKey>::kPlace),
                      place_of(key_place_, row), row.id));
  return success();
}

Result<std::size_t> SqlTransaction::count_external_keys(const Uuid& organization) {
  LATCHKEY_TRY(auto all, count("SELECT count(*) FROM external_keys WHERE organization = ?", organization));
  return static_cast<std::size_t>(all);
}

Result<std::optional<ExternalKey>> SqlTransaction::find_external_key(const Uuid& organization, std::string_view id) {
  auto is_asked = [&](const ExternalKey& row) { return row.organization == organization && row.id == id; };
  return find<ExternalKey>(is_asked, "WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqlTransaction::update(const ExternalKey& row) {
  LATCHKEY_TRYV(may_write("Changing an external key"));
  LATCHKEY_TRY(auto before, find_external_key(row.organization, row.id));
  if (!before) return not_there("external key", row.id);
  note_changed(row.organization);
  LATCHKEY_TRYV(update_row("Changing an external key", updated(*before, row)));
  return set_key_place(row);
}

Result<void> SqlTransaction::erase_external_key(const Uuid& organization, std::string_view id) {
  LATCHKEY_TRY(auto changed, write("Deleting an external key",
                                   "DELETE FROM external_keys WHERE organization = ? AND id = ?", organization, id));
  if (changed == 0) return not_there("external key", id);
  note_changed(organization);
  return success();
}

Result<Page<ExternalKey>> SqlTransaction::list_external_keys(const Uuid& organization, const ListWindow& window) {
  return page<ExternalKey>(organization, window, "");
}

Result<std::vector<Workspace>> SqlTransaction::workspaces_using(const Uuid& organization,
                                                                std::string_view external_key_id, std::size_t limit) {
  auto is_asked = [&](const Workspace& row) {
    return row.organization == organization && row.external_key_id == external_key_id;
  };
  return select<Workspace>(is_asked, "WHERE organization = ? AND external_key_id = ? ORDER BY created_at, id LIMIT ?",
                           organization, external_key_id, sql_limit(limit));
}

Result<bool> SqlTransaction::is_attached_elsewhere(const Uuid& organization, std::string_view key_place) {
  constexpr std::string_view kElsewhere =
      "WHERE key_place = ? AND organization <> ? AND EXISTS (SELECT 1 FROM workspaces w WHERE w.organization = "
      "external_keys.organization AND w.external_key_id = external_keys.id)";
  LATCHKEY_TRY(auto attached, count(fmt::format("SELECT EXISTS (SELECT 1 FROM external_keys {})", kElsewhere),
                                    key_place, organization));
  if (attached == 0) return false;
  // A row that somebody else gave this place raises the alarm. It counts all the same: who is asked for the tag in vain
  // is safe.
  auto is_asked = [&](const ExternalKey& row) { return row.organization != organization; };
  LATCHKEY_TRYV(read_rows<ExternalKey>(Unverified::Taken, is_asked, fmt::format("{} LIMIT 1", kElsewhere), key_place,
                                       organization));
  return true;
}

Result<void> SqlTransaction::insert(const Workspace& row) {
  return insert_row(row);
}

Result<std::optional<Workspace>> SqlTransaction::find_workspace(const Uuid& organization, std::string_view id) {
  auto is_asked = [&](const Workspace& row) { return row.organization == organization && row.id == id; };
  return find<Workspace>(is_asked, "WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqlTransaction::update(const Workspace& row) {
  LATCHKEY_TRYV(may_write("Changing a workspace"));
  LATCHKEY_TRY(auto before, find_workspace(row.organization, row.id));
  if (!before) return not_there("workspace", row.id);
  note_changed(row.organization);
  return update_row("Changing a workspace", updated(*before, row));
}

Result<Page<Workspace>> SqlTransaction::list_workspaces(const WorkspaceFilter& filter, const ListWindow& window) {
  std::optional<std::string> ids;
  if (filter.ids) ids = json_array(*filter.ids);
  return page<Workspace>(filter.organization, window,
                         fmt::format("AND (?2 = 1 OR archived_at IS NULL) AND (?3 = 1 OR is_default = 0) AND (id IN "
                                     "(SELECT value FROM {}) OR ?4 IS NULL)",
                                     connection_.dialect().texts_of_array("?4")),
                         filter.include_archived, filter.include_default, ids);
}

Result<std::size_t> SqlTransaction::count_live_workspaces(const Uuid& organization) {
  LATCHKEY_TRY(auto live,
               count("SELECT count(*) FROM workspaces WHERE organization = ? AND archived_at IS NULL", organization));
  return static_cast<std::size_t>(live);
}

Result<std::size_t> SqlTransaction::count_workspaces(const Uuid& organization) {
  LATCHKEY_TRY(auto all, count("SELECT count(*) FROM workspaces WHERE organization = ?", organization));
  return static_cast<std::size_t>(all);
}

Result<void> SqlTransaction::put(const LeasePolicy& row) {
  LATCHKEY_TRYV(erase_lease_policy(row.organization));
  return insert_row(row);
}

Result<std::optional<LeasePolicy>> SqlTransaction::find_lease_policy(const Uuid& organization) {
  auto is_asked = [&](const LeasePolicy& row) { return row.organization == organization; };
  return find<LeasePolicy>(is_asked, "WHERE organization = ?", organization);
}

Result<void> SqlTransaction::erase_lease_policy(const Uuid& organization) {
  note_changed(organization);
  LATCHKEY_TRYV(write("lease policy", "DELETE FROM lease_policies WHERE organization = ?", organization));
  return success();
}

}  // namespace latchkey::store
