#include "data/compartments.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "admin/key_location.hpp"
#include "admin/suspensions.hpp"
#include "base/json_fields.hpp"

namespace latchkey::data {

namespace {

constexpr std::size_t kMostKnown = 65'536;
constexpr std::chrono::milliseconds kBetweenLooks{250};
// So many are read in one transaction: the look-up of a request may wait for it.
constexpr std::size_t kReadAtOnce = 32;

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

}  // namespace

struct Compartments::Found {
  store::Workspace workspace;
  std::optional<store::ExternalKey> key;
  std::optional<store::LeasePolicy> leases;
  std::optional<store::ExternalKeySuspension> suspension;
};

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
  auto now = clock_.age_time();
  auto key = key_of(workspace_id);
  auto known = key ? known_.find(*key) : nullptr;
  bool holds = known && known->compartment.organization == caller.organization &&
               store_.changes().holds(caller.organization, known->as_of, known->read_at, now);
  if (!holds) return std::nullopt;
  if (now >= known->read_at + kLookAheadAfter) stand_in_line(*known);
  return check(known, purpose);
}

void Compartments::foresee(std::string_view workspace_id) {
  auto key = key_of(workspace_id);
  auto known = key ? known_.find(*key) : nullptr;
  if (known) known->compartment.footprint.fetch();
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

Compartments::Read Compartments::read(store::Transaction& tx, const Place& place) {
  const auto& [organization, id] = place;
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

Task<Result<std::shared_ptr<const Compartments::Known>>> Compartments::look_up(const Uuid& organization,
                                                                               std::string workspace_id) {
  auto now = clock_.age_time();
  // Taken before the rows are read, so that a change in between is not missed.
  auto as_of = store_.changes().now();
  auto look = [place = Place{organization, workspace_id}](store::Transaction& tx) { return read(tx, place); };
  auto found = co_await store_.look_up(std::move(look));
  if (!found) co_return unavailable(found.error(), workspace_id);
  if (!found.value()) co_return no_such_workspace(workspace_id);
  auto known = remember(std::move(*found.value()), as_of, now);
  if (!known) co_return unavailable(known.error(), workspace_id);
  co_return std::move(known).value();
}

Result<std::shared_ptr<const Compartments::Known>> Compartments::remember(Found found, store::Changes::Moment as_of,
                                                                          AgeTime read_at) {
  auto& [workspace, key, leases, suspension] = found;
  auto known = std::make_shared<Known>();
  known->as_of = as_of;
  known->read_at = read_at;
  known->is_archived = workspace.archived_at.has_value();
  auto& compartment = known->compartment;
  compartment.organization = workspace.organization;
  compartment.id = workspace.compartment;
  compartment.workspace_id = workspace.id;
  compartment.external_key_id = workspace.external_key_id;
  if (suspension) known->suspended = std::make_shared<const Error>(admin::suspended_error(*suspension));
  if (key && !suspension) {
    LATCHKEY_TRY(compartment.key, admin::key_location(clouds_, *key));
    if (leases) compartment.ages = admin::allowed_ages({leases->soft, leases->hard}, most_soft_);
  }
  if (auto place = key_of(workspace.id)) {
    if (auto before = known_.find(*place)) compartment.footprint = before->compartment.footprint;
    known_.put(*place, known);
  }
  return std::shared_ptr<const Known>(std::move(known));
}

std::optional<Compartments::WorkspaceKey> Compartments::key_of(std::string_view workspace_id) {
  WorkspaceKey key{};
  if (workspace_id.size() > key.size()) return std::nullopt;
  std::ranges::copy(workspace_id, key.begin());
  return key;
}

void Compartments::stand_in_line(const Known& known) {
  if (known.is_in_line.exchange(true)) return;
  MutexLock lock(mutex_);
  if (line_.size() < kMostKnown) line_.push_back({known.compartment.organization, known.compartment.workspace_id});
}

Task<std::chrono::milliseconds> Compartments::look_ahead() {
  for (;;) {
    std::vector<Place> next;
    {
      MutexLock lock(mutex_);
      auto first = line_.size() - std::min(line_.size(), kReadAtOnce);
      next.assign(std::move_iterator(line_.begin() + static_cast<std::ptrdiff_t>(first)),
                  std::move_iterator(line_.end()));
      line_.resize(first);
    }
    if (next.empty()) co_return kBetweenLooks;
    co_await read_again(std::move(next));
  }
}

Task<void> Compartments::read_again(std::vector<Place> places) {
  auto now = clock_.age_time();
  auto as_of = store_.changes().now();
  // A row that cannot be read is no matter to the others; the request that asks for it next learns why.
  auto look = [places = std::move(places)](store::Transaction& tx) -> Result<std::vector<Found>> {
    std::vector<Found> all;
    for (const auto& place : places) {
      auto found = read(tx, place);
      if (found && found.value()) all.push_back(std::move(*found.value()));
    }
    return all;
  };
  auto found = co_await store_.look_up(std::move(look));
  if (!found) co_return;
  for (auto& each : found.value()) (void)remember(std::move(each), as_of, now);
}

}  // namespace latchkey::data
