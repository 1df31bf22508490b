#include "health/key_watch.hpp"

#include <algorithm>

namespace latchkey::health {

namespace {

// Up to a fifth earlier.
constexpr double kJitter = 0.2;

}  // namespace

KeyWatch::KeyWatch(store::ExternalKey key, std::optional<store::ExternalKeyHealth> stored, double phase, Timestamp now,
                   SteadyTime steady, const MonitorSettings& settings)
    : key_(std::move(key)), health_(unknown_health(key_, now)), next_check_(steady), phase_(phase) {
  if (!stored) return;
  health_.row = std::move(*stored);
  stored_at_ = health_.row.last_checked_at;
  if (state() == State::Suspended) next_check_ = steady + settings.retry.first;
  const auto& success = health_.row.last_success_at;
  if (state() != State::Healthy || !success) return;
  next_check_ = steady - std::max(now - *success, std::chrono::microseconds(0)) + jittered(settings.interval);
}

std::chrono::milliseconds KeyWatch::jittered(std::chrono::milliseconds wait) const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(wait * (1 - kJitter * phase_));
}

void KeyWatch::set_health(KeyHealth health, Source source, SteadyTime steady, const MonitorSettings& settings) {
  bool was_calm = calm();
  bool anew = health.row.state != state();
  health_ = std::move(health);
  anew = anew || was_calm != calm();
  if (anew || calm() || source == Source::Checked) schedule(steady, anew, settings);
}

void KeyWatch::schedule(SteadyTime steady, bool anew, const MonitorSettings& settings) {
  if (calm()) {
    retry_ = {};
    next_check_ = steady + jittered(settings.interval);
    return;
  }
  bool first = anew || retry_ == std::chrono::milliseconds(0) || state() == State::Suspended;
  retry_ = first ? settings.retry.first : std::min(retry_ * 2, settings.retry.most);
  next_check_ = steady + jittered(retry_);
}

void KeyWatch::prove(Timestamp now, SteadyTime steady, const MonitorSettings& settings) {
  health_.row.last_checked_at = now;
  health_.row.last_success_at = now;
  next_check_ = steady + jittered(settings.interval);
}

bool KeyWatch::stale(Timestamp now, const MonitorSettings& settings) const {
  constexpr std::chrono::milliseconds kLeast{60'000};
  return !stored_at_ || now - *stored_at_ >= std::max(settings.interval, kLeast);
}

}  // namespace latchkey::health
