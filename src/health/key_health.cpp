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

void set_explanation(KeyHealth& health, const Error& error) {
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

// Whether the key is degraded because it refuses to wrap, which an unwrap does not disprove.
bool refuses_to_wrap(const KeyHealth& health) {
  return health.row.state == State::Degraded && kms::concerns_wrapping_alone(health.row.reason);
}

bool settled(const KeyHealth& health, Timestamp at, const HealthRules& rules) {
  // After a restart the server knows only the state that earlier failures led to.
  auto last_failure = health.last_failure.value_or(health.row.since);
  return at - last_failure >= rules.settle;
}

void apply_success(KeyHealth& health, const KeyEvent& event, const HealthRules& rules) {
  health.row.last_success_at = std::max(health.row.last_success_at.value_or(event.at), event.at);
  health.failures_in_row = 0;
  bool whole = event.kind == KeyEvent::Kind::RoundTrip;
  switch (health.row.state) {
    case State::Unknown:
    case State::Refused:
      become_healthy(health, event.at);
      return;
    case State::Healthy:
      if (settled(health, event.at, rules)) end_trouble(health);
      return;
    case State::Unreachable:
      enter(health, State::Degraded, event.at);
      return;
    case State::Degraded:
      if (refuses_to_wrap(health) ? whole : settled(health, event.at, rules)) become_healthy(health, event.at);
      return;
    case State::Suspended:
      return;
  }
}

void apply_outage(KeyHealth& health, const KeyEvent& event, const HealthRules& rules) {
  // A key that refused counts as refusing until a call under it succeeds.
  if (health.row.state == State::Refused) return;
  if (health.failures_in_row == 0) health.first_failure_in_row = event.first;
  health.failures += event.count;
  health.failures_in_row += event.count;
  health.last_failure = std::max(health.last_failure.value_or(event.at), event.at);
  if (health.row.state == State::Unreachable) {
    set_explanation(health, event.error);
  } else if (health.failures_in_row >= rules.failures_to_unreachable &&
             event.at - health.first_failure_in_row >= rules.unreachable_after) {
    enter(health, State::Unreachable, event.at);
    set_explanation(health, event.error);
  } else if (health.failures >= rules.failures_to_degrade && !refuses_to_wrap(health)) {
    enter(health, State::Degraded, event.at);
    set_explanation(health, event.error);
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

KeyHealth after(KeyHealth health, const KeyEvent& event, const HealthRules& rules) {
  if (health.row.state == State::Suspended) return health;
  health.row.last_checked_at = std::max(health.row.last_checked_at.value_or(event.at), event.at);
  switch (event.kind) {
    case KeyEvent::Kind::Unwrapped:
    case KeyEvent::Kind::RoundTrip:
      apply_success(health, event, rules);
      return health;
    case KeyEvent::Kind::WrapRefused:
      health.row.last_success_at = event.at;
      end_trouble(health);
      enter(health, State::Degraded, event.at);
      set_explanation(health, event.error);
      return health;
    case KeyEvent::Kind::Failed:
      if (kms::is_refusal(event.error)) {
        end_trouble(health);
        enter(health, State::Refused, event.at);
        set_explanation(health, event.error);
      } else {
        apply_outage(health, event, rules);
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
