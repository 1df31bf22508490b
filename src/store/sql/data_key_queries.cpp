// Data keys: from the first wrap to the end.
#include "store/sql/erased_form.hpp"
#include "store/sql/transaction_queries.hpp"

namespace latchkey::store {

namespace {

// The most noted forms of one data key under a customer's key, from before its rewraps. A purge removes them within
// minutes: there are more only where purges fail, and then a tenant that keeps rotating its key must wait. For the root
// key there is no limit: rotating it is the operator's choice.
constexpr std::int64_t kMostErasedForms = 16;

Error too_many_forms(const RawId& data_key) {
  Error error{ErrorCode::Unavailable,
              fmt::format("Data key {} was rewrapped {} times, and what it was wrapped as before is still being "
                          "searched for in the database's files. It is rewrapped once more when that is done.",
                          format_id(id_prefix::kDataKey, data_key), kMostErasedForms)};
  error.retry_after = std::chrono::minutes(1);
  return error;
}

}  // namespace

Result<DataKey> SqlTransaction::insert_active_data_key(const DataKey& row) {
  if (row.state != DataKeyState::Active) {
    return Error{ErrorCode::Internal, "A retired data key was to be inserted as the active one."};
  }
  LATCHKEY_TRYV(refuse_if_archived(row.compartment));
  LATCHKEY_TRYV(
      insert_row(row, "ON CONFLICT (compartment, coalesce(external_key_id, '')) WHERE state = 'active' DO NOTHING"));
  LATCHKEY_TRY(auto active, find_active_data_key(row.compartment, row.external_key_id));
  if (!active) return not_there("data key", format_id(id_prefix::kDataKey, row.id));
  return std::move(*active);
}

Result<std::optional<DataKey>> SqlTransaction::find_active_data_key(const Uuid& compartment,
                                                                    const std::optional<std::string>& external_key_id) {
  auto is_asked = [&](const DataKey& row) {
    return row.compartment == compartment && row.external_key_id == external_key_id &&
           row.state == DataKeyState::Active;
  };
  return find<DataKey>(is_asked, "WHERE compartment = ? AND coalesce(external_key_id, '') = ? AND state = 'active'",
                       compartment, external_key_id.value_or(""));
}

Result<std::optional<DataKey>> SqlTransaction::find_data_key(const Uuid& compartment, const RawId& id) {
  auto is_asked = [&](const DataKey& row) { return row.id == id && row.compartment == compartment; };
  return find<DataKey>(is_asked, "WHERE id = ? AND compartment = ?", id, compartment);
}

// A request that began before the workspace was archived, and perhaps shredded, must not give it a new key.
Result<void> SqlTransaction::refuse_if_archived(const Uuid& compartment) {
  auto is_asked = [&](const Workspace& row) { return row.compartment == compartment && row.archived_at.has_value(); };
  LATCHKEY_TRY(auto archived,
               find<Workspace>(is_asked, "WHERE compartment = ? AND archived_at IS NOT NULL", compartment));
  if (!archived) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("Workspace {} is archived: its data can be read, but nothing new can be encrypted in it",
                           archived->id),
               {},
               "Use another workspace."};
}

Result<Page<DataKey>> SqlTransaction::list_data_keys(const Uuid& compartment, const ListWindow& window) {
  auto limit = sql_limit(window.limit);
  std::vector<DataKey> rows;
  auto is_asked = [&](const DataKey& row) { return row.compartment == compartment; };
  if (window.after && window.after->created_at) {
    LATCHKEY_TRY(auto id, parse_id(id_prefix::kDataKey, window.after->id));
    LATCHKEY_TRY(rows, select<DataKey>(is_asked,
                                       "WHERE compartment = ? AND (created_at, id) < (?, ?) "
                                       "ORDER BY created_at DESC, id DESC LIMIT ?",
                                       compartment, *window.after->created_at, id, limit + 1));
  } else if (window.after || window.before || !window.newest_first) {
    return Error{ErrorCode::Internal,
                 "Data keys are listed newest first, from the beginning or after a place in time."};
  } else {
    LATCHKEY_TRY(rows, select<DataKey>(is_asked, "WHERE compartment = ? ORDER BY created_at DESC, id DESC LIMIT ?",
                                       compartment, limit + 1));
  }
  Page<DataKey> page;
  page.has_more = rows.size() > window.limit;
  if (page.has_more) rows.resize(window.limit);
  page.rows = std::move(rows);
  return page;
}

Result<std::optional<DataKey>> SqlTransaction::replace_active_data_key(const RawId& replaced, const DataKey& row) {
  LATCHKEY_TRYV(may_write("Retiring a data key"));
  LATCHKEY_TRYV(refuse_if_archived(row.compartment));
  LATCHKEY_TRY(auto active, find_active_data_key(row.compartment, row.external_key_id));
  if (!active || active->id != replaced) return active;
  active->state = DataKeyState::Retired;
  active->retired_at = row.created_at;
  LATCHKEY_TRYV(write("Retiring a data key",
                      "UPDATE data_keys SET state = 'retired', retired_at = ?, seal = ? WHERE id = ?", row.created_at,
                      seal_of(*active), replaced));
  LATCHKEY_TRYV(insert_row(row));
  return std::optional(row);
}

Result<void> SqlTransaction::add_data_key_use(const std::vector<DataKeyUse>& uses, Timestamp at) {
  for (const auto& use : uses) {
    LATCHKEY_TRYV(write("Counting the use of a data key",
                        "UPDATE data_keys SET last_used_at = ?, records = records + ?, bytes = bytes + ? "
                        "WHERE id = ? AND state <> 'destroyed'",
                        at, use.records, use.bytes, use.id));
  }
  return success();
}

Result<std::vector<DataKey>> SqlTransaction::destroy_data_keys(const Uuid& compartment, Timestamp at,
                                                               std::size_t limit) {
  auto is_asked = [&](const DataKey& row) { return row.compartment == compartment; };
  LATCHKEY_TRY(auto rows, read_rows<DataKey>(Unverified::Taken, is_asked,
                                             "WHERE compartment = ? AND state <> 'destroyed' ORDER BY created_at, id "
                                             "LIMIT ?",
                                             compartment, sql_limit(limit)));
  for (const auto& row : rows) {
    LATCHKEY_TRYV(remember_erased(row, true));
    LATCHKEY_TRYV(
        write("Remembering what was erased", "UPDATE erased_forms SET pending = 1 WHERE data_key = ?", row.id));
    // Zeros of the same length overwrite the row in place; a shorter row may be written elsewhere.
    LATCHKEY_TRYV(write("Overwriting data keys", "UPDATE data_keys SET wrapped = ? WHERE id = ?",
                        Bytes(row.wrapped.size()), row.id));
  }
  for (auto row : rows) {
    row.wrapped.clear();
    row.state = DataKeyState::Destroyed;
    row.destroyed_at = at;
    LATCHKEY_TRYV(
        write("Destroying data keys",
              "UPDATE data_keys SET wrapped = ?, state = 'destroyed', destroyed_at = ?, seal = ? WHERE id = ?",
              row.wrapped, at, seal_of(row), row.id));
  }
  return rows;
}

Result<void> SqlTransaction::remember_erased(const DataKey& row, bool destroyed) {
  LATCHKEY_TRYV(write("Remembering what was erased",
                      "INSERT INTO erased_forms (data_key, masked, pending) VALUES (?, ?, ?)", row.id,
                      mask_erased(row.wrapped), destroyed));
  return success();
}

Result<WrappedCount> SqlTransaction::count_wrapped(std::string_view external_key_id, std::string_view key_version) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<WrappedCount> {
    LATCHKEY_TRY(auto statement, connection_.prepare("SELECT count(*), count(*) FILTER (WHERE key_version <> ?) FROM "
                                                     "data_keys WHERE external_key_id = ? AND state <> 'destroyed'"));
    statement.bind(key_version);
    statement.bind(external_key_id);
    LATCHKEY_TRYV(statement.step());
    Row row(statement);
    WrappedCount count;
    count.total = row.integer();
    count.remaining = row.integer();
    return count;
  };
  return watch(run());
}

Result<std::vector<DataKey>> SqlTransaction::wrapped_under_others(std::string_view external_key_id,
                                                                  std::string_view key_version,
                                                                  const std::optional<RawId>& after,
                                                                  std::size_t limit) {
  auto is_asked = [&](const DataKey& row) { return row.external_key_id == external_key_id; };
  return select<DataKey>(is_asked,
                         "WHERE external_key_id = ?1 AND key_version <> ?2 AND state <> 'destroyed' AND "
                         "(id > ?3 OR ?3 IS NULL) ORDER BY id LIMIT ?4",
                         external_key_id, key_version, after, sql_limit(limit));
}

Result<bool> SqlTransaction::rewrap_data_key(const DataKey& before, std::string_view key_version, const Bytes& wrapped,
                                             Timestamp at) {
  LATCHKEY_TRYV(may_write("Rewrapping a data key"));
  LATCHKEY_TRY(auto row, find_data_key(before.compartment, before.id));
  if (!row || row->state == DataKeyState::Destroyed || row->wrapped != before.wrapped) return false;
  if (row->external_key_id) {
    LATCHKEY_TRY(auto noted, count("SELECT count(*) FROM erased_forms WHERE data_key = ?", row->id));
    if (noted >= kMostErasedForms) return too_many_forms(row->id);
  }
  LATCHKEY_TRYV(remember_erased(*row, false));
  row->wrapped = wrapped;
  row->key_version = key_version;
  row->rewrapped_at = at;
  LATCHKEY_TRYV(write("Rewrapping a data key",
                      "UPDATE data_keys SET wrapped = ?, key_version = ?, rewrapped_at = ?, seal = ? WHERE id = ?",
                      wrapped, key_version, at, seal_of(*row), row->id));
  return true;
}

Result<std::vector<DataKey>> SqlTransaction::data_keys_under_other_root_keys(std::string_view key_version,
                                                                             const std::optional<RawId>& after,
                                                                             std::size_t limit) {
  auto is_asked = [](const DataKey& row) { return !row.external_key_id; };
  return read_rows<DataKey>(Unverified::LeftOut, is_asked,
                            "WHERE external_key_id IS NULL AND key_version <> ?1 AND state <> 'destroyed' AND "
                            "(id > ?2 OR ?2 IS NULL) ORDER BY id LIMIT ?3",
                            key_version, after, sql_limit(limit));
}

Result<std::int64_t> SqlTransaction::count_under_other_root_keys(std::string_view key_version) {
  if (failure_) return *failure_;
  auto run = [&]() -> Result<std::int64_t> {
    LATCHKEY_TRY(auto statement,
                 connection_.prepare("SELECT (SELECT count(*) FROM data_keys WHERE external_key_id IS NULL AND "
                                     "key_version <> ?1 AND state <> 'destroyed') + (SELECT count(*) FROM "
                                     "webhook_endpoints WHERE secret_key_version <> ?1 OR "
                                     "coalesce(previous_secret_key_version, ?1) <> ?1)"));
    statement.bind(key_version);
    LATCHKEY_TRYV(statement.step());
    return Row(statement).integer();
  };
  return watch(run());
}

Result<std::optional<Rewrap>> SqlTransaction::find_rewrap(std::string_view external_key_id) {
  return find_unsealed<Rewrap>("WHERE external_key_id = ?", external_key_id);
}

Result<std::vector<Rewrap>> SqlTransaction::list_running_rewraps(const std::optional<Rewrap>& after,
                                                                 std::size_t limit) {
  constexpr std::string_view kOrder = "ORDER BY started_at, external_key_id LIMIT ?";
  if (!after) return select_unsealed<Rewrap>(fmt::format("WHERE state = 'running' {}", kOrder), sql_limit(limit));
  return select_unsealed<Rewrap>(
      fmt::format("WHERE state = 'running' AND (started_at, external_key_id) > (?, ?) {}", kOrder), after->started_at,
      after->external_key_id, sql_limit(limit));
}

Result<void> SqlTransaction::put(const Rewrap& row) {
  return insert_row(row, fmt::format("ON CONFLICT (external_key_id) DO UPDATE SET {}", column_replacements<Rewrap>()));
}

}  // namespace latchkey::store
