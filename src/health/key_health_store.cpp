#include "health/key_health_store.hpp"

#include <fmt/format.h>

#include "admin/suspensions.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "health/announcement.hpp"
#include "health/explanation.hpp"
#include "store/attached_keys.hpp"
#include "store/names.hpp"

namespace latchkey::health {

namespace {

store::ExternalKeyHealth nothing_known(const store::ExternalKey& key, bool attached) {
  auto row = unknown_health(key, key.created_at).row;
  row.cause = attached ? "it was not asked yet" : "it is attached to no workspace, and so it is not checked";
  row.cure = fmt::format("latchkey keys validate {} asks it", key.id);
  return row;
}

}  // namespace

Task<Result<std::optional<store::ExternalKeyHealth>>> KeyHealthStore::record(store::ExternalKeyHealth found) {
  using Recorded = std::optional<store::ExternalKeyHealth>;
  auto write = [this, found](store::Transaction& tx) -> Result<Recorded> {
    LATCHKEY_TRY(auto key, tx.find_external_key(found.organization, found.external_key_id));
    if (!key) return Recorded();
    LATCHKEY_TRY(auto stored, tx.find_external_key_health(found.organization, found.external_key_id));
    if (stored && stored->state == State::Suspended) return stored;
    auto previous = stored.value_or(unknown_health(*key, clock_.now()).row);
    auto current = found;
    current.alarmed = previous.alarmed;
    LATCHKEY_TRYV(change_health(tx, clock_, random_, previous, current));
    if (current.state != previous.state) {
      LATCHKEY_TRYV(audit::record_system_activity(
          tx, clock_, random_, found.organization, audit::ActivityType::ExternalKeyHealthChanged,
          {{"external_key_id", found.external_key_id},
           {"previous_state", to_text(previous.state)},
           {"current_state", to_text(current.state)},
           {"reason", current.reason.empty() ? boost::json::value() : boost::json::value(current.reason)}}));
    }
    return tx.find_external_key_health(found.organization, found.external_key_id);
  };
  co_return co_await store_.write(std::move(write));
}

Task<Result<std::vector<KeyHealthStore::Attached>>> KeyHealthStore::attached() {
  std::vector<Attached> all;
  auto add = [&all](Attached&& row) { all.push_back(std::move(row)); };
  LATCHKEY_CO_TRYV(co_await store::visit_attached_keys(store_, std::move(add)));
  co_return all;
}

Task<Result<std::optional<store::DataKey>>> KeyHealthStore::data_key_under(store::ExternalKey key) {
  auto find = [organization = key.organization, id = key.id](store::Transaction& tx) {
    return tx.find_data_key_under(organization, id);
  };
  co_return co_await store_.read(std::move(find));
}

Result<void> KeyHealthStore::begin_suspension(store::Transaction& tx, const store::ExternalKey& key,
                                              const store::ExternalKeySuspension& suspension) {
  LATCHKEY_TRY(auto stored, tx.find_external_key_health(key.organization, key.id));
  auto previous = stored.value_or(unknown_health(key, suspension.suspended_at).row);
  auto current = previous;
  current.state = State::Suspended;
  current.since = suspension.suspended_at;
  auto why = explain(admin::suspended_error(suspension));
  current.reason = std::move(why.reason);
  current.cause = std::move(why.cause);
  current.cure = std::move(why.cure);
  return change_health(tx, clock_, random_, previous, std::move(current));
}

Result<void> KeyHealthStore::end_suspension(store::Transaction& tx, const store::ExternalKey& key) {
  auto now = clock_.now();
  LATCHKEY_TRY(auto stored, tx.find_external_key_health(key.organization, key.id));
  auto previous = stored.value_or(unknown_health(key, now).row);
  auto current = previous;
  current.state = State::Unknown;
  current.since = now;
  current.reason.clear();
  current.cause = "it was resumed, and not asked yet";
  current.cure = fmt::format("latchkey keys validate {} asks it", key.id);
  return change_health(tx, clock_, random_, previous, std::move(current));
}

Task<Result<store::ExternalKeyHealth>> KeyHealthStore::read(audit::Caller caller, std::string external_key_id) {
  auto look = [organization = caller.organization,
               id = std::move(external_key_id)](store::Transaction& tx) -> Result<store::ExternalKeyHealth> {
    LATCHKEY_TRY(auto key, audit::require_external_key(tx, organization, id));
    LATCHKEY_TRY(auto row, tx.find_external_key_health(organization, id));
    LATCHKEY_TRY(auto users, tx.workspaces_using(organization, id, 1));
    if (row && (!users.empty() || row->state == State::Suspended)) return *row;
    return nothing_known(key, !users.empty());
  };
  co_return co_await store_.read(std::move(look));
}

}  // namespace latchkey::health
