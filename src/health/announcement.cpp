#include "health/announcement.hpp"

#include <boost/json/serialize.hpp>

#include "base/log.hpp"
#include "store/names.hpp"
#include "webhooks/event.hpp"

namespace latchkey::health {

namespace json = boost::json;

namespace {

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(format_timestamp(*time)) : json::value();
}

// Whether nobody may use the key, even under a lease.
bool is_closed(store::KeyHealthState state) {
  return state == store::KeyHealthState::Refused || state == store::KeyHealthState::Suspended;
}

// Other nodes may hold leases of their own, or remember a refusal that is over.
Result<void> notify_other_nodes(store::Transaction& transaction, const Clock& clock,
                                const std::string& external_key_id) {
  store::Notice notice;
  notice.kind = store::NoticeKind::ForgetKey;
  notice.external_key_id = external_key_id;
  notice.created_at = clock.now();
  return transaction.notify(notice);
}

}  // namespace

Result<void> change_health(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                           const store::ExternalKeyHealth& previous, store::ExternalKeyHealth current) {
  auto announcement = announce(previous, current);
  LATCHKEY_TRYV(transaction.put(current));
  // A refusal may be written late: another node may have unwrapped meanwhile, and hold leases that a suspension must
  // end.
  bool newly_suspended =
      current.state == store::KeyHealthState::Suspended && previous.state != store::KeyHealthState::Suspended;
  if (newly_suspended || is_closed(previous.state) != is_closed(current.state)) {
    LATCHKEY_TRYV(notify_other_nodes(transaction, clock, current.external_key_id));
  }
  if (announcement == Announcement::None) return success();
  bool failed = announcement == Announcement::Failed;
  auto type = failed ? webhooks::event_type::kExternalKeyFailed : webhooks::event_type::kExternalKeyRecovered;
  auto data = to_json(current);
  data["previous_state"] = to_text(previous.state);
  spdlog::warn("{}: {}", type, json::serialize(data));
  return webhooks::publish(transaction, clock, random, {type, current.organization, current.external_key_id});
}

json::object to_json(const store::ExternalKeyHealth& health) {
  return {{"type", "external_key_health"},
          {"external_key_id", health.external_key_id},
          {"state", to_text(health.state)},
          {"since", format_timestamp(health.since)},
          {"reason", text_or_null(health.reason)},
          {"cause", text_or_null(health.cause)},
          {"cure", text_or_null(health.cure)},
          {"last_checked_at", time_or_null(health.last_checked_at)},
          {"last_success_at", time_or_null(health.last_success_at)}};
}

}  // namespace latchkey::health
