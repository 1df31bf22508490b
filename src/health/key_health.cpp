#include "health/key_health.hpp"

#include <algorithm>

#include "health/explanation.hpp"
#include "kms/key_errors.hpp"

namespace latchkey::health {

namespace {

void enter(KeyHealth& health, State state, Timestamp at) {
  if (health.row.state == state) return;
  health.row.state = state;
  health.row.since = at;
}

void tell(KeyHealth& health, const Error& error) {
  auto why = explain(error);
  health.row.reason = std::move(why.reason);
  health.row.cause = std::move(why.cause);
  health.row.cure = std::move(why.cure);
}

void end_trouble(KeyHealth& health) {
  health.failures = 0;
  health.failures_in_row = 0;
  health.last_failure.reset();
}

void become_healthy(KeyHealth& health, Timestamp at) {
  enter(health, State::Healthy, at);
  health.row.reason.clear();
  health.row.cause.clear();
  health.row.cure.clear();
  end_trouble(health);
}

// Whether it wraps nothing new, of which a mere unwrap is no cure.
bool wraps_nothing(const KeyHealth& health) {
  Error known{ErrorCode::KeyDenied, "", health.row.reason};
  return health.row.state == State::Degraded && kms::concerns_wrapping_alone(known);
}

bool settled(const KeyHealth& health, Timestamp at, const HealthRules& rules) {
  // What came before a restart is known by the state alone.
  auto last_failure = health.last_failure.value_or(health.row.since);
  return at - last_failure >= rules.settle;
}

void let_in(KeyHealth& health, const News& news, const HealthRules& rules) {
  health.row.last_success_at = std::max(health.row.last_success_at.value_or(news.at), news.at);
  health.failures_in_row = 0;
  bool whole = news.kind == News::Kind::RoundTrip;
  switch (health.row.state) {
    case State::Unknown:
    case State::Refused:
      become_healthy(health, news.at);
      return;
    case State::Healthy:
      if (settled(health, news.at, rules)) end_trouble(health);
      return;
    case State::Unreachable:
      enter(health, State::Degraded, news.at);
      return;
    case State::Degraded:
      if (wraps_nothing(health) ? whole : settled(health, news.at, rules)) become_healthy(health, news.at);
      return;
    case State::Suspended:
      return;
  }
}

void missed(KeyHealth& health, const News& news, const HealthRules& rules) {
  // A key that refused goes on refusing until it is heard to let us in.
  if (health.row.state == State::Refused) return;
  if (health.failures_in_row == 0) health.row_began = news.first;
  health.failures += news.count;
  health.failures_in_row += news.count;
  health.last_failure = std::max(health.last_failure.value_or(news.at), news.at);
  if (health.row.state == State::Unreachable) {
    tell(health, news.error);
  } else if (health.failures_in_row >= rules.failures_to_unreachable &&
             news.at - health.row_began >= rules.unreachable_after) {
    enter(health, State::Unreachable, news.at);
    tell(health, news.error);
  } else if (health.failures >= rules.failures_to_degrade && !wraps_nothing(health)) {
    enter(health, State::Degraded, news.at);
    tell(health, news.error);
  }
}

}  // namespace

KeyHealth unknown_health(const store::ExternalKey& key, Timestamp now) {
  KeyHealth health;
  health.row.external_key_id = key.id;
  health.row.organization = key.organization;
  health.row.since = now;
  return health;
}

KeyHealth after(KeyHealth health, const News& news, const HealthRules& rules) {
  if (health.row.state == State::Suspended) return health;
  health.row.last_checked_at = std::max(health.row.last_checked_at.value_or(news.at), news.at);
  switch (news.kind) {
    case News::Kind::Proved:
    case News::Kind::RoundTrip:
      let_in(health, news, rules);
      return health;
    case News::Kind::WrapRefused:
      health.row.last_success_at = news.at;
      end_trouble(health);
      enter(health, State::Degraded, news.at);
      tell(health, news.error);
      return health;
    case News::Kind::Failed:
      if (kms::is_refusal(news.error)) {
        end_trouble(health);
        enter(health, State::Refused, news.at);
        tell(health, news.error);
      } else {
        missed(health, news, rules);
      }
      return health;
  }
  return health;
}

Announcement announce(const store::ExternalKeyHealth& previous, store::ExternalKeyHealth& current) {
  current.alarmed = previous.alarmed;
  if (current.state == previous.state) return Announcement::None;
  switch (current.state) {
    case State::Refused:
    case State::Unreachable:
    case State::Suspended:
      current.alarmed = true;
      return Announcement::Failed;
    case State::Healthy:
      current.alarmed = false;
      return previous.alarmed ? Announcement::Recovered : Announcement::None;
    case State::Unknown:
    case State::Degraded:
      return Announcement::None;
  }
  return Announcement::None;
}

}  // namespace latchkey::health
