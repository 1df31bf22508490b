#include "store/sqlite/sqlite_transaction.hpp"

#include <algorithm>
#include <limits>

#include <boost/json.hpp>

#include "store/sqlite/transaction_queries.hpp"

namespace latchkey::store {

namespace {

// Lists of texts go in as one JSON array, so that a filter of any length is one prepared statement.
std::string json_array(const std::vector<std::string>& texts) {
  boost::json::array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return boost::json::serialize(array);
}

std::optional<std::string> json_array_unless_empty(const std::vector<std::string>& texts) {
  if (texts.empty()) return std::nullopt;
  return json_array(texts);
}

// The four bounds of an activity filter as one range, both ends included.
struct Range {
  std::int64_t first = std::numeric_limits<std::int64_t>::min();
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  bool empty = false;
};

Range range_of(const ActivityFilter& filter) {
  Range range;
  auto count = [](Timestamp time) { return std::int64_t{time.time_since_epoch().count()}; };
  if (filter.at_or_after) range.first = count(*filter.at_or_after);
  if (filter.at_or_before) range.last = count(*filter.at_or_before);
  if (filter.after) {
    range.empty = count(*filter.after) == std::numeric_limits<std::int64_t>::max();
    if (!range.empty) range.first = std::max(range.first, count(*filter.after) + 1);
  }
  if (filter.before) {
    range.empty |= count(*filter.before) == std::numeric_limits<std::int64_t>::min();
    if (!range.empty) range.last = std::min(range.last, count(*filter.before) - 1);
  }
  return range;
}

}  // namespace

Result<void> SqliteTransaction::may_write(std::string_view what) const {
  if (failure_) return *failure_;
  if (mode_ == Mode::ReadWrite) return success();
  return Error{ErrorCode::Internal,
               fmt::format("{} was asked for in a read transaction; use Store::write for it.", what)};
}

Result<void> SqliteTransaction::insert(const Organization& row) {
  return insert_row(row);
}

Result<std::optional<Organization>> SqliteTransaction::find_organization(const Uuid& id) {
  return find<Organization>("WHERE id = ?", id);
}

Result<std::vector<Organization>> SqliteTransaction::list_organizations() {
  return select<Organization>("ORDER BY created_at, id");
}

Result<void> SqliteTransaction::insert(const ApiKey& row) {
  return insert_row(row);
}

Result<std::optional<ApiKey>> SqliteTransaction::find_api_key_by_hash(ByteView hash) {
  return find<ApiKey>("WHERE hash = ?", hash);
}

Result<std::vector<ApiKey>> SqliteTransaction::list_api_keys(const Uuid& organization) {
  return select<ApiKey>("WHERE organization = ? ORDER BY created_at, id", organization);
}

Result<bool> SqliteTransaction::revoke_api_key(const Uuid& organization, std::string_view id, Timestamp at) {
  LATCHKEY_TRYV(may_write("Revoking an API key"));
  LATCHKEY_TRY(auto row, find<ApiKey>("WHERE organization = ? AND id = ?", organization, id));
  if (!row) return false;
  if (!row->revoked_at) {
    LATCHKEY_TRYV(revoke(std::move(*row), at));
  }
  return true;
}

Result<void> SqliteTransaction::revoke(ApiKey row, Timestamp at) {
  row.revoked_at = at;
  LATCHKEY_TRYV(write("Revoking an API key", "UPDATE api_keys SET revoked_at = ?, seal = ? WHERE id = ?", at,
                      seal_of(row), row.id));
  return success();
}

Result<void> SqliteTransaction::revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) {
  LATCHKEY_TRYV(may_write("Revoking a workspace's API keys"));
  LATCHKEY_TRY(auto rows, select<ApiKey>("WHERE workspace_id = ? AND revoked_at IS NULL", workspace_id));
  for (auto& row : rows) {
    LATCHKEY_TRYV(revoke(std::move(row), at));
  }
  return success();
}

Result<void> SqliteTransaction::insert(const ExternalKey& row) {
  return insert_row(row);
}

Result<std::optional<ExternalKey>> SqliteTransaction::find_external_key(const Uuid& organization, std::string_view id) {
  return find<ExternalKey>("WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqliteTransaction::update(const ExternalKey& row) {
  LATCHKEY_TRYV(may_write("Changing an external key"));
  LATCHKEY_TRY(auto before, find_external_key(row.organization, row.id));
  if (!before) return not_there("external key", row.id);
  auto after = row;
  after.created_at = before->created_at;
  after.suspended = before->suspended;
  LATCHKEY_TRYV(write("Changing an external key",
                      "UPDATE external_keys SET display_name = ?, geo = ?, provider = ?, provider_config = ?, "
                      "updated_at = ?, revision = ?, seal = ? WHERE id = ?",
                      row.display_name, row.geo, row.provider, row.provider_config, row.updated_at, row.revision,
                      seal_of(after), row.id));
  return success();
}

Result<void> SqliteTransaction::erase_external_key(const Uuid& organization, std::string_view id) {
  LATCHKEY_TRY(auto changed, write("Deleting an external key",
                                   "DELETE FROM external_keys WHERE organization = ? AND id = ?", organization, id));
  if (changed == 0) return not_there("external key", id);
  return success();
}

Result<Page<ExternalKey>> SqliteTransaction::list_external_keys(const Uuid& organization, const ListWindow& window) {
  return page<ExternalKey>(organization, window, "");
}

Result<std::vector<Workspace>> SqliteTransaction::workspaces_using(const Uuid& organization,
                                                                   std::string_view external_key_id,
                                                                   std::size_t limit) {
  return select<Workspace>("WHERE organization = ? AND external_key_id = ? ORDER BY created_at, id LIMIT ?",
                           organization, external_key_id, sql_limit(limit));
}

Result<bool> SqliteTransaction::is_attached_elsewhere(const Uuid& organization, std::string_view vault_host,
                                                      std::string_view key_name) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<bool> {
    // A walk over all keys: an index of json_extract is refused where the schema is not trusted.
    LATCHKEY_TRY(auto statement,
                 connection_.prepare(
                     "SELECT EXISTS (SELECT 1 FROM external_keys k WHERE json_valid(k.provider_config) AND "
                     "rtrim(lower(json_extract(k.provider_config, '$.vault_uri')), '/') = 'https://' || ? AND "
                     "lower(json_extract(k.provider_config, '$.key_name')) = lower(?) AND k.organization <> ? AND "
                     "EXISTS (SELECT 1 FROM workspaces w WHERE w.organization = k.organization AND "
                     "w.external_key_id = k.id))"));
    statement.bind(vault_host);
    statement.bind(key_name);
    statement.bind(organization);
    LATCHKEY_TRYV(statement.step());
    return Row(statement).integer() != 0;
  };
  return watch(run());
}

Result<void> SqliteTransaction::insert(const Workspace& row) {
  return insert_row(row);
}

Result<std::optional<Workspace>> SqliteTransaction::find_workspace(const Uuid& organization, std::string_view id) {
  return find<Workspace>("WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqliteTransaction::update(const Workspace& row) {
  LATCHKEY_TRYV(may_write("Changing a workspace"));
  LATCHKEY_TRY(auto before, find_workspace(row.organization, row.id));
  if (!before) return not_there("workspace", row.id);
  auto after = row;
  after.compartment = before->compartment;
  after.is_default = before->is_default;
  after.created_at = before->created_at;
  LATCHKEY_TRYV(write("Changing a workspace",
                      "UPDATE workspaces SET name = ?, display_color = ?, external_key_id = ?, workspace_geo = ?, "
                      "allowed_inference_geos = ?, default_inference_geo = ?, tags = ?, archived_at = ?, seal = ? "
                      "WHERE id = ?",
                      row.name, row.display_color, row.external_key_id, row.workspace_geo, row.allowed_inference_geos,
                      row.default_inference_geo, format_tags(row.tags), row.archived_at, seal_of(after), row.id));
  return success();
}

Result<Page<Workspace>> SqliteTransaction::list_workspaces(const WorkspaceFilter& filter, const ListWindow& window) {
  std::optional<std::string> ids;
  if (filter.ids) ids = json_array(*filter.ids);
  return page<Workspace>(filter.organization, window,
                         "AND (?2 OR archived_at IS NULL) AND (?3 OR NOT is_default) "
                         "AND (?4 IS NULL OR id IN (SELECT value FROM json_each(?4)))",
                         std::int64_t{filter.include_archived}, std::int64_t{filter.include_default}, ids);
}

Result<std::size_t> SqliteTransaction::count_live_workspaces(const Uuid& organization) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::size_t> {
    LATCHKEY_TRY(auto statement, connection_.prepare("SELECT count(*) FROM workspaces WHERE organization = ? AND "
                                                     "archived_at IS NULL"));
    statement.bind(organization);
    LATCHKEY_TRYV(statement.step());
    return static_cast<std::size_t>(Row(statement).integer());
  };
  return watch(run());
}

Result<void> SqliteTransaction::put(const LeasePolicy& row) {
  LATCHKEY_TRYV(erase_lease_policy(row.organization));
  return insert_row(row);
}

Result<std::optional<LeasePolicy>> SqliteTransaction::find_lease_policy(const Uuid& organization) {
  return find<LeasePolicy>("WHERE organization = ?", organization);
}

Result<void> SqliteTransaction::erase_lease_policy(const Uuid& organization) {
  LATCHKEY_TRYV(write("lease policy", "DELETE FROM lease_policies WHERE organization = ?", organization));
  return success();
}

Result<void> SqliteTransaction::insert(const Activity& row) {
  return insert_row(row);
}

Result<Page<Activity>> SqliteTransaction::list_activities(const ActivityFilter& filter, const ListWindow& window) {
  auto range = range_of(filter);
  if (range.empty) {
    LATCHKEY_TRYV(place_time<Activity>(filter.organization, window));
    return Page<Activity>();
  }
  return page<Activity>(filter.organization, window,
                        "AND created_at >= ?2 AND created_at <= ?3 "
                        "AND (?4 IS NULL OR type IN (SELECT value FROM json_each(?4))) "
                        "AND (?5 IS NULL OR type NOT IN (SELECT value FROM json_each(?5))) "
                        "AND (?6 IS NULL OR actor_id IN (SELECT value FROM json_each(?6)))",
                        range.first, range.last, json_array_unless_empty(filter.types),
                        json_array_unless_empty(filter.excluded_types), json_array_unless_empty(filter.actor_ids));
}

}  // namespace latchkey::store
