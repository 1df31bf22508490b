#include "audit/lookup.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::audit {

namespace {

constexpr std::size_t kNamedWorkspaces = 5;

Error not_found(std::string_view kind, std::string_view id) {
  return Error{ErrorCode::NotFound,
               fmt::format("There is no {} {} in this organization.", kind, json_fields::clean_text(id))};
}

std::string name_workspaces(std::span<const store::Workspace> workspaces) {
  std::string names;
  for (const auto& workspace : workspaces.first(std::min(workspaces.size(), kNamedWorkspaces))) {
    names += fmt::format("{}{} (\"{}\"{})", names.empty() ? "" : ", ", workspace.id,
                         json_fields::clean_text(workspace.name), workspace.archived_at ? ", archived" : "");
  }
  return workspaces.size() > kNamedWorkspaces ? names + " and others" : names;
}

}  // namespace

Result<store::ExternalKey> require_external_key(store::Transaction& transaction, const Uuid& organization,
                                                std::string_view id) {
  LATCHKEY_TRY(auto row, transaction.find_external_key(organization, id));
  if (!row) return not_found("external key", id);
  return std::move(*row);
}

Result<store::Workspace> require_workspace(store::Transaction& transaction, const Uuid& organization,
                                           std::string_view id) {
  LATCHKEY_TRY(auto row, transaction.find_workspace(organization, id));
  if (!row) return not_found("workspace", id);
  return std::move(*row);
}

Result<void> refuse_if_used(store::Transaction& transaction, const store::ExternalKey& key, std::string_view attempt) {
  LATCHKEY_TRY(auto users, transaction.workspaces_using(key.organization, key.id, kNamedWorkspaces + 1));
  if (users.empty()) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("External key {} cannot be {}: the data of {} is encrypted under it. A key stays with its "
                           "workspaces for good, archived ones included.",
                           key.id, attempt, name_workspaces(users))};
}

Result<void> refuse_over_quota(std::size_t have, std::size_t most, std::string_view what, std::string_view cure) {
  if (have < most) return success();
  return Error{ErrorCode::Invalid,
               fmt::format("This organization has {} {}, and may have at most {}. {}", have, what, most, cure)};
}

}  // namespace latchkey::audit
