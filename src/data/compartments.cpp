#include "data/compartments.hpp"

#include <fmt/format.h>

#include "admin/key_location.hpp"
#include "admin/suspensions.hpp"
#include "base/json_fields.hpp"

namespace latchkey::data {

namespace {

constexpr std::size_t kMostKnown = 65'536;

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

Result<std::optional<Found>> read(store::Transaction& tx, const Uuid& organization, const std::string& id) {
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

Compartments::Compartments(store::Store& store, const kms::Providers& clouds, const Clock& clock,
                           std::chrono::milliseconds most_soft)
    : store_(store), clouds_(clouds), clock_(clock), most_soft_(most_soft), known_(kMostKnown) {}

std::optional<Result<Compartments::Opened>> Compartments::at_hand(const audit::Caller& caller,
                                                                  std::string_view workspace_id, Purpose purpose) {
  if (caller.role != store::Role::Service && caller.role != store::Role::Workspace) {
    return Error{ErrorCode::PermissionDenied,
                 "This API key may not read or write data. Use a service key, or a key of the workspace."};
  }
  if (caller.role == store::Role::Workspace && caller.workspace_id != workspace_id) {
    return no_such_workspace(workspace_id);
  }
  auto known = known_.find(workspace_id);
  bool holds = known && known->compartment.organization == caller.organization &&
               store_.changes().holds(caller.organization, known->as_of, known->read_at, clock_.age_time());
  if (!holds) return std::nullopt;
  return check(known, purpose);
}

Task<Result<Compartments::Opened>> Compartments::open(const audit::Caller& caller, std::string_view workspace_id,
                                                      Purpose purpose) {
  if (auto opened = at_hand(caller, workspace_id, purpose)) co_return std::move(*opened);
  LATCHKEY_CO_TRY(auto known, co_await look_up(caller.organization, std::string(workspace_id)));
  co_return check(known, purpose);
}

Result<Compartments::Opened> Compartments::check(const std::shared_ptr<const Known>& known, Purpose purpose) {
  if (known->is_archived && purpose == Purpose::Encrypt) {
    return Error{ErrorCode::Invalid,
                 fmt::format("Workspace {} is archived: its data can be read, but nothing new can be encrypted in "
                             "it. Use another workspace.",
                             known->compartment.workspace_id)};
  }
  if (known->suspended) return *known->suspended;
  return Opened(known, &known->compartment);
}

Task<Result<std::shared_ptr<const Compartments::Known>>> Compartments::look_up(const Uuid& organization,
                                                                               std::string workspace_id) {
  auto now = clock_.age_time();
  // Taken before the rows are read, so that a change in between is not missed.
  auto as_of = store_.changes().now();
  auto look = [organization, workspace_id](store::Transaction& tx) { return read(tx, organization, workspace_id); };
  auto found = co_await store_.look_up(std::move(look));
  if (!found) co_return unavailable(found.error(), workspace_id);
  if (!found.value()) co_return no_such_workspace(workspace_id);
  auto& [workspace, key, leases, suspension] = *found.value();
  Known fresh{.compartment = {.organization = workspace.organization,
                              .id = workspace.compartment,
                              .workspace_id = workspace.id,
                              .external_key_id = workspace.external_key_id,
                              .key = {}},
              .is_archived = workspace.archived_at.has_value(),
              .as_of = as_of,
              .read_at = now};
  if (suspension) fresh.suspended = admin::suspended_error(*suspension);
  if (key && !suspension) {
    auto location = admin::key_location(clouds_, *key);
    if (!location) co_return unavailable(location.error(), workspace_id);
    fresh.compartment.key = std::move(location).value();
    if (leases) fresh.compartment.ages = admin::allowed_ages({leases->soft, leases->hard}, most_soft_);
  }
  auto known = std::make_shared<const Known>(std::move(fresh));
  known_.put(workspace_id, known);
  co_return known;
}

}  // namespace latchkey::data
