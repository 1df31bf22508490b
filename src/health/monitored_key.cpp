#include "health/monitored_key.hpp"

#include <algorithm>

namespace latchkey::health {

namespace {

// A check comes up to a fifth earlier than scheduled.
constexpr double kJitter = 0.2;

constexpr auto kNever = AgeTime::max();

bool checked_unasked(const MonitorSettings& settings) {
  return settings.interval.count() > 0;
}

}  // namespace

MonitoredKey::MonitoredKey(store::ExternalKey key, std::optional<store::ExternalKeyHealth> stored, double phase,
                           Timestamp now, AgeTime age_now, const MonitorSettings& settings)
    : key_(std::move(key)),
      health_(unknown_health(key_, now)),
      scheduled_(checked_unasked(settings) ? age_now : kNever),
      phase_(phase) {
  if (!stored) return;
  health_.row = std::move(*stored);
  stored_at_ = health_.row.last_checked_at;
  if (state() == State::Suspended) scheduled_ = age_now + settings.retry.first;
  const auto& success = health_.row.last_success_at;
  if (state() != State::Healthy || !success || !checked_unasked(settings)) return;
  scheduled_ = age_now - std::max(now - *success, std::chrono::microseconds(0)) + jittered(settings.interval);
}

std::chrono::milliseconds MonitoredKey::jittered(std::chrono::milliseconds wait) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(wait * (1 - kJitter * phase_));
}

void MonitoredKey::set_health(KeyHealth health, Source source, AgeTime age_now, const MonitorSettings& settings) {
  bool was_calm = calm();
  bool anew = health.row.state != state();
  health_ = std::move(health);
  anew = anew || was_calm != calm();
  if (anew || calm() || source == Source::Check) schedule(age_now, anew, settings);
}

void MonitoredKey::schedule(AgeTime age_now, bool anew, const MonitorSettings& settings) {
  if (state() != State::Suspended && !checked_unasked(settings)) {
    scheduled_ = kNever;
    return;
  }
  if (calm()) {
    retry_ = {};
    scheduled_ = age_now + jittered(settings.interval);
    return;
  }
  bool first = anew || retry_ == std::chrono::milliseconds(0) || state() == State::Suspended;
  retry_ = first ? settings.retry.first : std::min(retry_ * 2, settings.retry.most);
  scheduled_ = age_now + jittered(retry_);
}

void MonitoredKey::begin_check() {
  checking_ = true;
  wanted_.reset();
}

void MonitoredKey::end_check(AgeTime next) {
  checking_ = false;
  scheduled_ = next;
}

void MonitoredKey::put_off(AgeTime next) {
  wanted_.reset();
  scheduled_ = next;
}

void MonitoredKey::record_success(Timestamp now, AgeTime age_now, const MonitorSettings& settings) {
  health_.row.last_checked_at = now;
  health_.row.last_success_at = now;
  schedule(age_now, false, settings);
}

bool MonitoredKey::stale(Timestamp now, const MonitorSettings& settings) const {
  constexpr std::chrono::milliseconds kLeast{60'000};
  return !stored_at_ || now - *stored_at_ >= std::max(settings.interval, kLeast);
}

}  // namespace latchkey::health
