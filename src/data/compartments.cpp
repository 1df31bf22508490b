#include "data/compartments.hpp"

#include <fmt/format.h>

#include "admin/key_location.hpp"
#include "admin/suspensions.hpp"
#include "base/json_fields.hpp"

namespace latchkey::data {

namespace {

struct Found {
  store::Workspace workspace;
  std::optional<store::ExternalKey> key;
  std::optional<store::LeasePolicy> leases;
  std::optional<store::ExternalKeySuspension> suspension;
};

Error no_such_workspace(std::string_view id) {
  return Error{ErrorCode::NotFound,
               fmt::format("There is no workspace {} that this API key may use.", json_fields::clean_text(id))};
}

Error unavailable(Error cause, std::string_view id) {
  constexpr std::chrono::seconds kRetryAfter{10};
  auto error = caused_by(std::move(cause), ErrorCode::ContextUnavailable,
                         fmt::format("The encryption settings of workspace {} could not be read, so nothing was "
                                     "encrypted or decrypted. Try again in a moment.",
                                     id));
  if (!error.retry_after) error.retry_after = kRetryAfter;
  return error;
}

Result<std::optional<Found>> find(store::Transaction& tx, const Uuid& organization, const std::string& id) {
  LATCHKEY_TRY(auto workspace, tx.find_workspace(organization, id));
  if (!workspace) return std::optional<Found>();
  Found found{std::move(*workspace), std::nullopt, std::nullopt, std::nullopt};
  if (found.workspace.external_key_id) {
    LATCHKEY_TRY(found.key, tx.find_external_key(organization, *found.workspace.external_key_id));
    if (!found.key) {
      return Error{ErrorCode::Internal, fmt::format("workspace {} refers to external key {}, which is not there", id,
                                                    *found.workspace.external_key_id)};
    }
    LATCHKEY_TRY(found.leases, tx.find_lease_policy(organization));
    LATCHKEY_TRY(found.suspension, tx.find_suspension(organization, found.key->id));
  }
  return std::optional(std::move(found));
}

}  // namespace

Task<Result<keyring::Compartment>> Compartments::open(audit::Caller caller, std::string workspace_id, Purpose purpose) {
  if (caller.role != store::Role::Service && caller.role != store::Role::Workspace) {
    co_return Error{ErrorCode::PermissionDenied,
                    "This API key may not read or write data. Use a service key, or a key of the workspace."};
  }
  if (caller.role == store::Role::Workspace && caller.workspace_id != workspace_id) {
    co_return no_such_workspace(workspace_id);
  }
  auto look = [organization = caller.organization, workspace_id](store::Transaction& tx) {
    return find(tx, organization, workspace_id);
  };
  auto found = co_await store_.look_up(std::move(look));
  if (!found) co_return unavailable(found.error(), workspace_id);
  if (!found.value()) co_return no_such_workspace(workspace_id);
  auto& [workspace, key, leases, suspension] = *found.value();
  if (workspace.archived_at && purpose == Purpose::Encrypt) {
    co_return Error{ErrorCode::Invalid,
                    fmt::format("Workspace {} is archived: its data can be read, but nothing new can be encrypted in "
                                "it. Use another workspace.",
                                workspace_id)};
  }
  if (suspension) co_return admin::suspended_error(*suspension);
  keyring::Compartment compartment{.organization = workspace.organization,
                                   .id = workspace.compartment,
                                   .workspace_id = workspace.id,
                                   .external_key_id = workspace.external_key_id,
                                   .key = {}};
  if (key) {
    auto location = admin::key_location(clouds_, *key);
    if (!location) co_return unavailable(location.error(), workspace_id);
    compartment.key = std::move(location).value();
    if (leases) compartment.ages = admin::allowed_ages({leases->soft, leases->hard}, most_soft_);
  }
  co_return compartment;
}

}  // namespace latchkey::data
