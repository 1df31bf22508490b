#include "admin/data_keys.hpp"

#include <fmt/format.h>

#include "admin/credentials.hpp"
#include "admin/reasons.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "audit/page_cursor.hpp"
#include "base/json_fields.hpp"

namespace latchkey::admin {

namespace json = boost::json;

namespace {

// How many data keys one transaction or page handles.
constexpr std::size_t kAtOnce = 500;

store::ListPlace place_of(const store::DataKey& row) {
  return {format_id(id_prefix::kDataKey, row.id), row.created_at};
}

Result<void> check_shreddable(const store::Workspace& workspace, const std::string& name) {
  if (!workspace.archived_at) {
    return Error{ErrorCode::Invalid, fmt::format("Workspace {} is in use", workspace.id), reason::kWorkspaceNotArchived,
                 "Archive it first: shredding is for what nobody needs any more."};
  }
  if (workspace.name != name) {
    return Error{ErrorCode::Invalid,
                 fmt::format("name: That is not the name of workspace {}, and nothing was destroyed", workspace.id),
                 reason::kWorkspaceNameMismatch, "Look at what it is before you send its name."};
  }
  return success();
}

// The oldest data keys are destroyed first, so the newest one tells whether all are.
Result<bool> is_all_destroyed(store::Transaction& tx, const Uuid& compartment) {
  store::ListWindow newest;
  newest.limit = 1;
  LATCHKEY_TRY(auto page, tx.list_data_keys(compartment, newest));
  return page.rows.empty() || page.rows.front().state == store::DataKeyState::Destroyed;
}

Result<ShredOutcome> count_destroyed(store::Transaction& tx, const store::Workspace& workspace) {
  ShredOutcome outcome;
  outcome.workspace_id = workspace.id;
  store::ListWindow window;
  window.limit = kAtOnce;
  for (;;) {
    LATCHKEY_TRY(auto page, tx.list_data_keys(workspace.compartment, window));
    for (const auto& row : page.rows) {
      if (row.state != store::DataKeyState::Destroyed) continue;
      ++outcome.data_keys;
      outcome.records += row.records;
      outcome.bytes += row.bytes;
    }
    if (!page.has_more) return outcome;
    window.after = place_of(page.rows.back());
  }
}

}  // namespace

Task<Result<DataKeyPage>> DataKeys::list(audit::Caller caller, std::string workspace_id, std::size_t limit,
                                         std::optional<std::string> page) {
  store::ListWindow window;
  window.limit = limit;
  if (page) {
    LATCHKEY_CO_TRY(window.after, audit::read_page_cursor(id_prefix::kDataKey, caller.organization, *page));
  }
  auto list = [organization = caller.organization, workspace_id,
               window](store::Transaction& tx) -> Result<DataKeyPage> {
    LATCHKEY_TRY(auto workspace, audit::require_workspace(tx, organization, workspace_id));
    LATCHKEY_TRY(auto rows, tx.list_data_keys(workspace.compartment, window));
    DataKeyPage result;
    if (rows.has_more && !rows.rows.empty()) {
      LATCHKEY_TRY(result.next_page,
                   audit::make_page_cursor(id_prefix::kDataKey, organization, place_of(rows.rows.back())));
    }
    result.keys = std::move(rows.rows);
    for (auto& key : result.keys) key.wrapped.clear();
    return result;
  };
  co_return co_await store_.read(std::move(list));
}

Result<DataKeys::Destroyed> DataKeys::destroy_some(store::Transaction& tx, const audit::Caller& caller,
                                                   const std::string& workspace_id, const std::string& name) {
  // Only the last step records an activity, which would confirm the caller.
  LATCHKEY_TRYV(audit::confirm_caller(tx, caller));
  LATCHKEY_TRY(auto workspace, audit::require_workspace(tx, caller.organization, workspace_id));
  LATCHKEY_TRYV(check_shreddable(workspace, name));
  LATCHKEY_TRY(auto rows, tx.destroy_data_keys(workspace.compartment, clock_.now(), kAtOnce));
  Destroyed destroyed;
  destroyed.compartment = workspace.compartment;
  for (const auto& row : rows) destroyed.ids.push_back(row.id);
  LATCHKEY_TRY(destroyed.all, is_all_destroyed(tx, workspace.compartment));
  if (destroyed.all) {
    LATCHKEY_TRY(destroyed.outcome, count_destroyed(tx, workspace));
  }
  if (destroyed.ids.empty()) return destroyed;
  store::Notice notice;
  notice.kind = store::NoticeKind::ForgetDataKeys;
  notice.compartment = workspace.compartment;
  notice.created_at = clock_.now();
  LATCHKEY_TRYV(tx.notify(notice));
  if (!destroyed.all) return destroyed;
  LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WorkspaceShredded,
                                       {{"workspace_id", workspace.id},
                                        {"data_keys", destroyed.outcome.data_keys},
                                        {"records", destroyed.outcome.records},
                                        {"bytes", destroyed.outcome.bytes}}));
  return destroyed;
}

Task<Result<ShredOutcome>> DataKeys::shred(audit::Caller caller, std::string workspace_id, std::string name) {
  // First the rows get the counts so far, so that the outcome is complete. Where the store cannot write them, it cannot
  // write what follows either.
  LATCHKEY_CO_TRYV(co_await flush_row_counts_());
  // The keys are destroyed in steps, so that other writes get their turn in between. Where the process ends between two
  // steps, sending the request again destroys the rest.
  auto destroy = [this, caller, workspace_id, name](store::Transaction& tx) {
    return destroy_some(tx, caller, workspace_id, name);
  };
  ShredOutcome outcome;
  Uuid compartment{};
  for (bool all = false; !all;) {
    LATCHKEY_CO_TRY(auto destroyed, co_await store_.write(destroy));
    keyring_.forget(destroyed.compartment, destroyed.ids);
    outcome = destroyed.outcome;
    compartment = destroyed.compartment;
    all = destroyed.all;
  }
  auto purged = co_await store_.purge(compartment);
  if (!purged) {
    auto cause = purged.error();
    auto code = cause.code;
    co_return caused_by(
        std::move(cause), code,
        fmt::format("The data keys of workspace {} are destroyed, but what they were may still be found "
                    "in the database's files. Send the request again. ({})",
                    workspace_id, purged.error().message()));
  }
  co_return outcome;
}

Result<void> record_replacement(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                const keyring::DataKeyReplaced& replaced) {
  json::object details{{"workspace_id", replaced.workspace_id},
                       {"data_key_id", format_id(id_prefix::kDataKey, replaced.active)},
                       {"previous_data_key_id", format_id(id_prefix::kDataKey, replaced.replaced)},
                       {"cause", keyring::to_string(replaced.cause)}};
  if (replaced.external_key_id) details["external_key_id"] = *replaced.external_key_id;
  return audit::record_system_activity(transaction, clock, random, replaced.organization,
                                       audit::ActivityType::WorkspaceDataKeyRotated, details);
}

}  // namespace latchkey::admin
