#include "health/kill_switch.hpp"

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "admin/suspension.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "health/announcement.hpp"
#include "health/explanation.hpp"

namespace latchkey::health {

namespace {

Result<store::ExternalKeyHealth> health_before(store::Transaction& tx, const store::ExternalKey& key, Timestamp now) {
  LATCHKEY_TRY(auto row, tx.find_external_key_health(key.organization, key.id));
  return row.value_or(unknown_health(key, now).row);
}

Result<store::ExternalKeyHealth> health_after(store::Transaction& tx, const store::ExternalKey& key) {
  LATCHKEY_TRY(auto row, tx.find_external_key_health(key.organization, key.id));
  if (row) return *row;
  return Error{ErrorCode::Internal, fmt::format("the health of {} was written and is not there", key.id)};
}

boost::json::value text_or_null(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value();
}

}  // namespace

KillSwitch::KillSwitch(store::Store& store, const Clock& clock, RandomSource& random, HealthMonitor& monitor,
                       ForgetKey forget)
    : store_(store), clock_(clock), random_(random), monitor_(monitor), forget_(std::move(forget)) {}

Task<Result<store::ExternalKeyHealth>> KillSwitch::suspend(audit::Caller caller, std::string external_key_id,
                                                           std::optional<std::string> reason) {
  auto work = [this, caller, id = external_key_id,
               reason = std::move(reason)](store::Transaction& tx) -> Result<store::ExternalKeyHealth> {
    LATCHKEY_TRY(auto key, audit::require_external_key(tx, caller.organization, id));
    LATCHKEY_TRY(auto already, tx.find_suspension(caller.organization, id));
    if (already) return health_after(tx, key);
    auto now = clock_.now();
    store::ExternalKeySuspension suspension{.external_key_id = key.id,
                                            .organization = key.organization,
                                            .suspended_at = now,
                                            .suspended_by = caller.api_key_id,
                                            .reason = reason};
    LATCHKEY_TRYV(tx.insert(suspension));
    LATCHKEY_TRY(auto previous, health_before(tx, key, now));
    auto current = previous;
    current.state = State::Suspended;
    current.since = now;
    auto why = explain(admin::suspended_error(suspension));
    current.reason = std::move(why.reason);
    current.cause = std::move(why.cause);
    current.cure = std::move(why.cure);
    LATCHKEY_TRYV(change_health(tx, clock_, random_, previous, current));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeySuspended,
                                         {{"external_key_id", key.id}, {"reason", text_or_null(reason)}}));
    return health_after(tx, key);
  };
  co_return co_await change(std::move(external_key_id), std::move(work));
}

Task<Result<store::ExternalKeyHealth>> KillSwitch::resume(audit::Caller caller, std::string external_key_id) {
  auto work = [this, caller, id = external_key_id](store::Transaction& tx) -> Result<store::ExternalKeyHealth> {
    LATCHKEY_TRY(auto key, audit::require_external_key(tx, caller.organization, id));
    auto now = clock_.now();
    LATCHKEY_TRY(auto previous, health_before(tx, key, now));
    LATCHKEY_TRY(bool ended, tx.erase_suspension(caller.organization, id));
    if (!ended) return previous;
    auto current = previous;
    current.state = State::Unknown;
    current.since = now;
    current.reason.clear();
    current.cause = "it was resumed, and not asked yet";
    current.cure = fmt::format("latchkey keys validate {} asks it", key.id);
    LATCHKEY_TRYV(change_health(tx, clock_, random_, previous, current));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyResumed,
                                         {{"external_key_id", key.id}}));
    return health_after(tx, key);
  };
  co_return co_await change(std::move(external_key_id), std::move(work));
}

Task<Result<store::ExternalKeyHealth>> KillSwitch::change(
    std::string external_key_id, std::function<Result<store::ExternalKeyHealth>(store::Transaction&)> work) {
  auto health = co_await store_.write(std::move(work));
  if (!health) co_return health;
  // Now that it is on disk: what was unwrapped before goes, and what is being unwrapped comes too late.
  forget_(external_key_id);
  monitor_.changed(health.value());
  co_return health;
}

}  // namespace latchkey::health
