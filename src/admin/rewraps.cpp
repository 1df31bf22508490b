#include "admin/rewraps.hpp"

#include <fmt/format.h>

#include "admin/key_location.hpp"
#include "admin/suspensions.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "kms/reasons.hpp"

namespace latchkey::admin {

namespace json = boost::json;

namespace {

using store::RewrapState;

Result<store::ExternalKey> require_usable(store::Transaction& tx, const Uuid& organization, const std::string& id) {
  LATCHKEY_TRY(auto key, audit::require_external_key(tx, organization, id));
  LATCHKEY_TRYV(refuse_if_suspended(tx, organization, key.id));
  return key;
}

Result<RewrapProgress> progress_of(store::Transaction& tx, const Uuid& organization, const std::string& id) {
  LATCHKEY_TRY(auto key, audit::require_external_key(tx, organization, id));
  LATCHKEY_TRY(auto rewrap, tx.find_rewrap(key.id));
  if (!rewrap) {
    return Error{ErrorCode::NotFound,
                 fmt::format("No rewrap of {} was started yet", key.id),
                 {},
                 fmt::format("Start one with POST, or `latchkey keys rewrap {}`.", key.id)};
  }
  LATCHKEY_TRY(auto count, tx.count_wrapped(key.id, rewrap->target_version));
  return RewrapProgress{std::move(*rewrap), count};
}

json::object details_of(const store::Rewrap& rewrap, const store::WrappedCount& count) {
  json::object details{{"external_key_id", rewrap.external_key_id},
                       {"target_version", rewrap.target_version},
                       {"data_keys", count.total},
                       {"remaining", count.remaining}};
  if (rewrap.reason && !rewrap.reason->empty()) details["reason"] = *rewrap.reason;
  return details;
}

Error newest_disabled(const kms::Providers& clouds, const kms::Key& key, const kms::KeyDescription& newest) {
  const auto* cloud = clouds.cloud_of(key);
  return Error{.code = ErrorCode::KeyDenied,
               .cause = fmt::format("The newest version, {}, is disabled, and nothing can be rewrapped to it",
                                    newest.key_version),
               .reason = kms::reason::kKeyDisabled,
               .cure = cloud == nullptr ? std::string() : cloud->cure_of_disabled(key, newest.key_version)};
}

}  // namespace

Task<Result<RewrapProgress>> Rewraps::start(audit::Caller caller, std::string id, Deadline deadline) {
  auto find = [organization = caller.organization, id](store::Transaction& tx) {
    return require_usable(tx, organization, id);
  };
  LATCHKEY_CO_TRY(auto key, co_await store_.read(std::move(find)));
  LATCHKEY_CO_TRY(auto location, key_location(clouds_, key));
  LATCHKEY_CO_TRY(auto newest, co_await provider_.describe(location, deadline));
  if (!newest.enabled) co_return newest_disabled(clouds_, location.key(), newest);
  auto put = [this, caller, id, version = newest.key_version](store::Transaction& tx) -> Result<RewrapProgress> {
    LATCHKEY_TRY(auto current, require_usable(tx, caller.organization, id));
    LATCHKEY_TRY(auto before, tx.find_rewrap(id));
    LATCHKEY_TRY(auto count, tx.count_wrapped(id, version));
    bool goes_on = before && before->state != RewrapState::Completed && before->target_version == version;
    if (goes_on && before->state == RewrapState::Running) return RewrapProgress{std::move(*before), count};
    auto now = clock_.now();
    store::Rewrap rewrap{id,  current.organization, RewrapState::Running, version, goes_on ? before->started_at : now,
                         now, std::nullopt,         std::nullopt};
    LATCHKEY_TRYV(tx.put(rewrap));
    LATCHKEY_TRYV(audit::record_activity(
        tx, clock_, random_, caller,
        goes_on ? audit::ActivityType::ExternalKeyRewrapResumed : audit::ActivityType::ExternalKeyRewrapStarted,
        details_of(rewrap, count)));
    return RewrapProgress{std::move(rewrap), count};
  };
  LATCHKEY_CO_TRY(auto progress, co_await store_.write(std::move(put)));
  rewrapper_.begin(key);
  co_return progress;
}

Task<Result<RewrapProgress>> Rewraps::pause(audit::Caller caller, std::string id) {
  auto put = [this, caller, id](store::Transaction& tx) -> Result<RewrapProgress> {
    LATCHKEY_TRY(auto progress, progress_of(tx, caller.organization, id));
    if (progress.rewrap.state != RewrapState::Running) return progress;
    progress.rewrap.state = RewrapState::Paused;
    progress.rewrap.updated_at = clock_.now();
    LATCHKEY_TRYV(tx.put(progress.rewrap));
    LATCHKEY_TRYV(audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::ExternalKeyRewrapPaused,
                                         details_of(progress.rewrap, progress.count)));
    return progress;
  };
  co_return co_await store_.write(std::move(put));
}

Task<Result<RewrapProgress>> Rewraps::get(audit::Caller caller, std::string id) {
  auto find = [organization = caller.organization, id](store::Transaction& tx) {
    return progress_of(tx, organization, id);
  };
  co_return co_await store_.read(std::move(find));
}

keyring::RewrapHooks rewrap_hooks(const kms::Providers& clouds, const Clock& clock, RandomSource& random) {
  keyring::RewrapHooks hooks;
  hooks.locate = [&clouds](const store::ExternalKey& key) { return key_location(clouds, key); };
  hooks.access_check = refuse_if_suspended;
  hooks.record_end = [&clock, &random](store::Transaction& tx, const store::Rewrap& rewrap,
                                       const store::WrappedCount& count) {
    bool completed = rewrap.state == RewrapState::Completed;
    return audit::record_system_activity(
        tx, clock, random, rewrap.organization,
        completed ? audit::ActivityType::ExternalKeyRewrapCompleted : audit::ActivityType::ExternalKeyRewrapStopped,
        details_of(rewrap, count));
  };
  return hooks;
}

}  // namespace latchkey::admin
