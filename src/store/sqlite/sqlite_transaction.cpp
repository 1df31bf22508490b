#include "store/sqlite/sqlite_transaction.hpp"

#include <algorithm>
#include <limits>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "store/sqlite/columns.hpp"

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

std::int64_t sql_limit(std::size_t limit) {
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max() - 1);
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

Error not_there(std::string_view what, std::string_view id) {
  return Error{ErrorCode::Internal, fmt::format("The {} {} to be changed is not in the database.", what, id)};
}

}  // namespace

template <class T>
Result<T> SqliteTransaction::watch(Result<T> result) {
  if (!result && !failure_) failure_ = result.error();
  return result;
}

template <class... Values>
Result<std::int64_t> SqliteTransaction::write(std::string_view what, std::string_view sql, const Values&... values) {
  if (failure_) return *failure_;
  if (mode_ == Mode::ReadOnly) {
    return Error{ErrorCode::Internal,
                 fmt::format("{} was asked for in a read transaction; use Store::write for it.", what)};
  }
  auto run = [&]() -> Result<std::int64_t> {
    LATCHKEY_TRY(auto statement, connection_.prepare(sql));
    (statement.bind(values), ...);
    LATCHKEY_TRYV(statement.step());
    return connection_.changes();
  };
  return watch(run());
}

template <class T, class... Values>
Result<std::vector<T>> SqliteTransaction::select(std::string_view tail, const Values&... values) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::vector<T>> {
    LATCHKEY_TRY(auto statement, connection_.prepare(fmt::format("SELECT {} FROM {} {}", Columns<T>::kNames,
                                                                 Columns<T>::kTable, tail)));
    (statement.bind(values), ...);
    std::vector<T> rows;
    for (;;) {
      LATCHKEY_TRY(bool found, statement.step());
      if (!found) return rows;
      Row row(statement);
      rows.push_back(Columns<T>::read(row));
      if (row.damaged()) {
        return Error{ErrorCode::Internal, fmt::format("A row of {} in the database {} is damaged. Restore a backup.",
                                                      Columns<T>::kTable, connection_.path())};
      }
    }
  };
  return watch(run());
}

template <class T, class... Values>
Result<std::optional<T>> SqliteTransaction::find(std::string_view tail, const Values&... values) {
  LATCHKEY_TRY(auto rows, select<T>(tail, values...));
  if (rows.empty()) return std::optional<T>();
  return std::optional<T>(std::move(rows.front()));
}

template <class T>
Result<void> SqliteTransaction::insert_row(const T& row, std::string_view tail) {
  if (failure_) return *failure_;
  if (mode_ == Mode::ReadOnly) {
    return Error{ErrorCode::Internal, fmt::format("An insert into {} was asked for in a read transaction; use "
                                                  "Store::write for it.",
                                                  Columns<T>::kTable)};
  }
  auto run = [&]() -> Result<void> {
    LATCHKEY_TRY(auto statement,
                 connection_.prepare(fmt::format("INSERT INTO {} ({}) VALUES ({}) {}", Columns<T>::kTable,
                                                 Columns<T>::kNames, Columns<T>::kPlaces, tail)));
    Columns<T>::bind(statement, row);
    LATCHKEY_TRYV(statement.step());
    return success();
  };
  return watch(run());
}

// When the row that the window's place names was made; nothing where the window starts at the list's own end.
template <class T>
Result<std::optional<Timestamp>> SqliteTransaction::place_time(const Uuid& organization, const ListWindow& window) {
  if (window.after && window.before) {
    return Error{ErrorCode::Invalid, "A list continues after an entry or before one, not both at once."};
  }
  const auto& place = window.after ? window.after : window.before;
  if (!place) return std::optional<Timestamp>();
  if (place->created_at) return place->created_at;
  LATCHKEY_TRY(auto row, find<T>("WHERE organization = ? AND id = ?", organization, place->id));
  if (!row) {
    return Error{ErrorCode::Invalid,
                 "The entry to continue from is not in this list. Start again from the list's first page."};
  }
  return std::optional(row->created_at);
}

template <class T, class... Values>
Result<Page<T>> SqliteTransaction::page(const Uuid& organization, const ListWindow& window, std::string_view condition,
                                        const Values&... values) {
  LATCHKEY_TRY(auto from, place_time<T>(organization, window));
  // Travelling against the list's order, the nearest rows come first and are turned round at the end.
  bool backwards = window.before.has_value();
  bool descending = window.newest_first != backwards;
  auto limit = sql_limit(window.limit);
  auto order = fmt::format("ORDER BY created_at {0}, id {0} LIMIT ?", descending ? "DESC" : "ASC");
  std::vector<T> rows;
  if (from) {
    auto tail = fmt::format("WHERE organization = ?1 {} AND (created_at, id) {} (?, ?) {}", condition,
                            descending ? '<' : '>', order);
    const auto& place = window.after ? *window.after : *window.before;
    LATCHKEY_TRY(rows, select<T>(tail, organization, values..., *from, place.id, limit + 1));
  } else {
    auto tail = fmt::format("WHERE organization = ?1 {} {}", condition, order);
    LATCHKEY_TRY(rows, select<T>(tail, organization, values..., limit + 1));
  }
  Page<T> page;
  page.has_more = rows.size() > window.limit;
  if (page.has_more) rows.resize(window.limit);
  if (backwards) std::ranges::reverse(rows);
  page.rows = std::move(rows);
  return page;
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
  LATCHKEY_TRY(auto changed,
               write("Revoking an API key",
                     "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE organization = ? AND id = ?", at,
                     organization, id));
  return changed > 0;
}

Result<void> SqliteTransaction::revoke_workspace_api_keys(std::string_view workspace_id, Timestamp at) {
  LATCHKEY_TRYV(write("Revoking a workspace's API keys",
                      "UPDATE api_keys SET revoked_at = ? WHERE workspace_id = ? AND revoked_at IS NULL", at,
                      workspace_id));
  return success();
}

Result<void> SqliteTransaction::insert(const ExternalKey& row) {
  return insert_row(row);
}

Result<std::optional<ExternalKey>> SqliteTransaction::find_external_key(const Uuid& organization, std::string_view id) {
  return find<ExternalKey>("WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqliteTransaction::update(const ExternalKey& row) {
  LATCHKEY_TRY(auto changed,
               write("Changing an external key",
                     "UPDATE external_keys SET display_name = ?, geo = ?, provider = ?, provider_config = ?, "
                     "updated_at = ?, revision = ? WHERE organization = ? AND id = ?",
                     row.display_name, row.geo, row.provider, row.provider_config, row.updated_at, row.revision,
                     row.organization, row.id));
  if (changed == 0) return not_there("external key", row.id);
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

Result<void> SqliteTransaction::insert(const Workspace& row) {
  return insert_row(row);
}

Result<std::optional<Workspace>> SqliteTransaction::find_workspace(const Uuid& organization, std::string_view id) {
  return find<Workspace>("WHERE organization = ? AND id = ?", organization, id);
}

Result<void> SqliteTransaction::update(const Workspace& row) {
  LATCHKEY_TRY(auto changed,
               write("Changing a workspace",
                     "UPDATE workspaces SET name = ?, display_color = ?, external_key_id = ?, workspace_geo = ?, "
                     "allowed_inference_geos = ?, default_inference_geo = ?, tags = ?, archived_at = ? "
                     "WHERE organization = ? AND id = ?",
                     row.name, row.display_color, row.external_key_id, row.workspace_geo, row.allowed_inference_geos,
                     row.default_inference_geo, format_tags(row.tags), row.archived_at, row.organization, row.id));
  if (changed == 0) return not_there("workspace", row.id);
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

Result<DataKey> SqliteTransaction::insert_active_data_key(const DataKey& row) {
  if (row.state != DataKeyState::Active) {
    return Error{ErrorCode::Internal, "A retired data key was to be inserted as the active one."};
  }
  LATCHKEY_TRYV(
      insert_row(row, "ON CONFLICT (compartment, coalesce(external_key_id, '')) WHERE state = 'active' DO NOTHING"));
  LATCHKEY_TRY(auto active, find_active_data_key(row.compartment, row.external_key_id));
  if (!active) return not_there("data key", format_id(id_prefix::kDataKey, row.id));
  return std::move(*active);
}

Result<std::optional<DataKey>> SqliteTransaction::find_active_data_key(
    const Uuid& compartment, const std::optional<std::string>& external_key_id) {
  return find<DataKey>("WHERE compartment = ? AND coalesce(external_key_id, '') = ? AND state = 'active'", compartment,
                       external_key_id.value_or(""));
}

Result<std::optional<DataKey>> SqliteTransaction::find_data_key(const Uuid& compartment, const RawId& id) {
  return find<DataKey>("WHERE id = ? AND compartment = ?", id, compartment);
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
