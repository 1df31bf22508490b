#include "admin/workspaces.hpp"

#include <fmt/format.h>

#include "admin/attach.hpp"
#include "admin/workspace_rules.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "base/json_fields.hpp"

namespace latchkey::admin {

namespace {

Result<void> refuse_over_limit(store::Transaction& tx, const Uuid& organization, const AdminSettings& settings) {
  LATCHKEY_TRY(auto all, tx.count_workspaces(organization));
  LATCHKEY_TRYV(audit::refuse_over_quota(all, settings.max_workspaces, "workspaces, archived ones included",
                                         "Archived workspaces stay: ask the operator to raise quotas.workspaces."));
  LATCHKEY_TRY(auto live, tx.count_live_workspaces(organization));
  auto limit = settings.max_live_workspaces;
  if (live < limit) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("This organization has {} live workspaces, and may have at most {}", live, limit),
               {},
               "Archive one that is no longer used, then try again."};
}

}  // namespace

Workspaces::Workspaces(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds,
                       const Clock& clock, RandomSource& random, AdminSettings settings)
    : store_(store),
      provider_(provider),
      clouds_(clouds),
      clock_(clock),
      random_(random),
      settings_(std::move(settings)) {}

Task<Result<store::Workspace>> Workspaces::create(audit::Caller caller, NewWorkspace workspace) {
  LATCHKEY_CO_TRY(auto row,
                  with_settings(new_workspace_row(caller.organization, workspace.name, clock_, random_), workspace));
  std::optional<ValidatedKey> key;
  if (workspace.external_key_id) {
    auto limit = [organization = caller.organization, this](store::Transaction& tx) {
      return refuse_over_limit(tx, organization, settings_);
    };
    LATCHKEY_CO_TRYV(co_await store_.read(std::move(limit)));
    LATCHKEY_CO_TRY(key, co_await validate_for_attach(store_, provider_, clouds_, clock_, random_, settings_, caller,
                                                      *workspace.external_key_id));
    row.external_key_id = key->id;
  }
  auto insert = [this, caller, row, key](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(refuse_over_limit(tx, caller.organization, settings_));
    if (key) {
      LATCHKEY_TRYV(confirm_attach(tx, clouds_, clock_, random_, caller, *key));
    }
    LATCHKEY_TRYV(tx.insert(row));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WorkspaceCreated,
                                         {{"workspace_id", row.id}}));
    if (!key) return success();
    auto bare = row;
    bare.external_key_id.reset();
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WorkspaceUpdated,
                                  {{"workspace_id", row.id}, {"updates", describe_update(bare, row)}});
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(insert)));
  co_return row;
}

Task<Result<store::Workspace>> Workspaces::update(audit::Caller caller, std::string id, WorkspaceChange change) {
  auto look = [organization = caller.organization, id, change](store::Transaction& tx) -> Result<bool> {
    LATCHKEY_TRY(auto before, audit::require_workspace(tx, organization, id));
    LATCHKEY_TRY(auto after, with_change(before, change));
    return after.external_key_id != before.external_key_id;
  };
  LATCHKEY_CO_TRY(auto attaches, co_await store_.read(std::move(look)));
  std::optional<ValidatedKey> key;
  if (attaches) {
    LATCHKEY_CO_TRY(key, co_await validate_for_attach(store_, provider_, clouds_, clock_, random_, settings_, caller,
                                                      *change.external_key_id));
  }
  auto apply = [this, caller, id, change, key](store::Transaction& tx) -> Result<store::Workspace> {
    LATCHKEY_TRY(auto before, audit::require_workspace(tx, caller.organization, id));
    LATCHKEY_TRY(auto after, with_change(before, change));
    auto updates = describe_update(before, after);
    if (updates.empty()) return after;
    if (after.external_key_id != before.external_key_id) {
      if (!key) return Error{ErrorCode::Internal, fmt::format("external key of {} vanished from the row", before.id)};
      LATCHKEY_TRYV(confirm_attach(tx, clouds_, clock_, random_, caller, *key));
    }
    LATCHKEY_TRYV(tx.update(after));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WorkspaceUpdated,
                                         {{"workspace_id", after.id}, {"updates", std::move(updates)}}));
    return after;
  };
  co_return co_await store_.write(std::move(apply));
}

Task<Result<store::Page<store::Workspace>>> Workspaces::list(audit::Caller caller, WorkspaceQuery query) {
  if (query.after_id && query.before_id) {
    co_return Error{ErrorCode::Invalid, "before_id: Only one of after_id and before_id may be given"};
  }
  store::WorkspaceFilter filter{.organization = caller.organization,
                                .include_archived = query.include_archived,
                                .include_default = query.include_default,
                                .ids = std::move(query.ids)};
  store::ListWindow window{
      .limit = query.limit, .after = std::move(query.after_id), .before = std::move(query.before_id)};
  auto list = [filter, window](store::Transaction& tx) { return tx.list_workspaces(filter, window); };
  co_return co_await store_.read(std::move(list));
}

Task<Result<store::Workspace>> Workspaces::get(audit::Caller caller, std::string id) {
  auto find = [organization = caller.organization, id](store::Transaction& tx) {
    return audit::require_workspace(tx, organization, id);
  };
  co_return co_await store_.read(std::move(find));
}

Task<Result<store::Workspace>> Workspaces::archive(audit::Caller caller, std::string id) {
  auto archive = [this, caller, id](store::Transaction& tx) -> Result<store::Workspace> {
    LATCHKEY_TRY(auto row, audit::require_workspace(tx, caller.organization, id));
    if (row.is_default) {
      return Error{ErrorCode::Invalid, fmt::format("Workspace {} (\"{}\") is the default workspace of this "
                                                   "organization, which cannot be archived.",
                                                   row.id, json_fields::clean_text(row.name))};
    }
    if (row.archived_at) return row;
    row.archived_at = clock_.now();
    LATCHKEY_TRYV(tx.update(row));
    LATCHKEY_TRYV(tx.revoke_workspace_api_keys(row.id, *row.archived_at));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::WorkspaceArchived,
                                         {{"workspace_id", row.id}}));
    return row;
  };
  co_return co_await store_.write(std::move(archive));
}

}  // namespace latchkey::admin
