#include "admin/suspensions.hpp"

#include <utility>

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "base/json_fields.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::admin {

namespace {

// A reason has 500 characters at the most, each of up to 4 bytes.
constexpr std::size_t kMaxReason = 2000;

// Unknown, with the time given, where nothing is written of the key's health yet.
Result<store::ExternalKeyHealth> health_of(store::Transaction& tx, const store::ExternalKey& key, Timestamp now) {
  LATCHKEY_TRY(auto row, tx.find_external_key_health(key.organization, key.id));
  if (row) return std::move(*row);
  store::ExternalKeyHealth unknown;
  unknown.external_key_id = key.id;
  unknown.organization = key.organization;
  unknown.since = now;
  return unknown;
}

Result<store::ExternalKeyHealth> written_health(store::Transaction& tx, const store::ExternalKey& key) {
  LATCHKEY_TRY(auto row, tx.find_external_key_health(key.organization, key.id));
  if (row) return std::move(*row);
  return Error{ErrorCode::Internal, fmt::format("the health of {} was written and is not there", key.id)};
}

boost::json::value text_or_null(const std::optional<std::string>& text) {
  return text ? boost::json::value(*text) : boost::json::value();
}

}  // namespace

Error suspended_error(const store::ExternalKeySuspension& suspension) {
  kms::ReasonArguments arguments;
  arguments.external_key = suspension.external_key_id;
  arguments.suspender = suspension.suspended_by;
  arguments.note = fmt::format(" at {}", format_timestamp(suspension.suspended_at));
  if (suspension.reason) {
    arguments.note += fmt::format(" (\"{}\")", json_fields::clean_text(*suspension.reason, kMaxReason));
  }
  return kms::reason_error(kms::reason::kSuspended, arguments);
}

Result<void> refuse_if_suspended(store::Transaction& transaction, const Uuid& organization,
                                 std::string_view external_key_id) {
  LATCHKEY_TRY(auto suspension, transaction.find_suspension(organization, external_key_id));
  if (suspension) return suspended_error(*suspension);
  return success();
}

Task<Result<store::ExternalKeyHealth>> Suspensions::suspend(audit::Caller caller, std::string external_key_id,
                                                            std::optional<std::string> reason) {
  auto work = [this, caller, id = external_key_id,
               reason = std::move(reason)](store::Transaction& tx) -> Result<store::ExternalKeyHealth> {
    LATCHKEY_TRY(auto key, audit::require_external_key(tx, caller.organization, id));
    LATCHKEY_TRY(auto already, tx.find_suspension(caller.organization, id));
    if (already) return written_health(tx, key);
    store::ExternalKeySuspension suspension{.external_key_id = key.id,
                                            .organization = key.organization,
                                            .suspended_at = clock_.now(),
                                            .suspended_by = caller.api_key_id,
                                            .reason = reason};
    LATCHKEY_TRYV(tx.insert(suspension));
    LATCHKEY_TRYV(listener_.begin_suspension(tx, key, suspension));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeySuspended,
                                         {{"external_key_id", key.id}, {"reason", text_or_null(reason)}}));
    return written_health(tx, key);
  };
  co_return co_await change(std::move(external_key_id), std::move(work));
}

Task<Result<store::ExternalKeyHealth>> Suspensions::resume(audit::Caller caller, std::string external_key_id) {
  auto work = [this, caller, id = external_key_id](store::Transaction& tx) -> Result<store::ExternalKeyHealth> {
    LATCHKEY_TRY(auto key, audit::require_external_key(tx, caller.organization, id));
    LATCHKEY_TRY(auto previous, health_of(tx, key, clock_.now()));
    LATCHKEY_TRY(bool ended, tx.erase_suspension(caller.organization, id));
    if (!ended) return previous;
    LATCHKEY_TRYV(listener_.end_suspension(tx, key));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyResumed,
                                         {{"external_key_id", key.id}}));
    return written_health(tx, key);
  };
  co_return co_await change(std::move(external_key_id), std::move(work));
}

Task<Result<store::ExternalKeyHealth>> Suspensions::change(
    std::string external_key_id, std::function<Result<store::ExternalKeyHealth>(store::Transaction&)> work) {
  auto health = co_await store_.write(std::move(work));
  if (!health) co_return health;
  // Only now that the change is durable: data keys that were unwrapped before it go, and an unwrap that is under way
  // comes too late.
  forget_(external_key_id);
  listener_.health_written(health.value());
  co_return health;
}

}  // namespace latchkey::admin
