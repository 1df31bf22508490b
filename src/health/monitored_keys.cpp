#include "health/monitored_keys.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "kms/key_errors.hpp"

namespace latchkey::health {

namespace {

bool reads_the_same(const store::ExternalKeyHealth& one, const store::ExternalKeyHealth& other) {
  return one.state == other.state && one.reason == other.reason && one.cause == other.cause && one.cure == other.cure;
}

// Whether the keyring holds what this check found to be over: leases under a key that refuses, or a refusal that ended.
bool outdates_keyring(const ReportedEvent& reported, const store::ExternalKeyHealth& before) {
  if (!reported.from_check) return false;
  bool whole = reported.event.kind == KeyEvent::Kind::RoundTrip;
  if (before.state == State::Refused) return whole || reported.event.kind == KeyEvent::Kind::WrapRefused;
  if (reported.event.kind == KeyEvent::Kind::Failed) return kms::is_refusal(reported.event.error);
  return whole && before.state == State::Degraded && kms::concerns_wrapping_alone(before.reason);
}

// A request met a refusal to wrap: only a check finds out whether the key still unwraps.
bool needs_check(const ReportedEvent& reported) {
  return !reported.from_check && reported.event.kind == KeyEvent::Kind::Failed &&
         kms::is_refusal(reported.event.error) && kms::concerns_wrapping_alone(reported.event.error);
}

// A check failed while requests succeeded: requests take precedence over checks, so their success counts.
bool was_overtaken(const ReportedEvent& reported, const store::ExternalKeyHealth& before) {
  return reported.from_check && reported.event.kind == KeyEvent::Kind::Failed &&
         !kms::is_refusal(reported.event.error) && before.last_success_at &&
         *before.last_success_at >= reported.event.first;
}

}  // namespace

bool MonitoredKeys::proved(const std::string& id) {
  auto now = clock_.now();
  MutexLock lock(mutex_);
  auto monitored = keys_.find(id);
  bool nothing_new = monitored != keys_.end() && monitored->second.calm() && !inbox_.contains(id);
  if (nothing_new) {
    monitored->second.record_success(now, clock_.age_time(), settings_);
    if (!monitored->second.stale(now, settings_)) return false;
  }
  return add_event(id, {{KeyEvent::Kind::Unwrapped, now, {}, 1, now}});
}

bool MonitoredKeys::failed(const std::string& id, const Error& error) {
  auto now = clock_.now();
  MutexLock lock(mutex_);
  return add_event(id, {{KeyEvent::Kind::Failed, now, error, 1, now}});
}

MonitoredKeys::Validated MonitoredKeys::validated(const std::string& id, bool success) {
  auto now = clock_.now();
  MutexLock lock(mutex_);
  auto monitored = keys_.find(id);
  if (monitored == keys_.end() || monitored->second.state() == State::Suspended) return {};
  if (!success) {
    // The validation may have failed for something that a key in use does not need, such as the tag.
    monitored->second.want_check(clock_.age_time());
    return {.wakes_monitor = true, .forget = false};
  }
  bool forget = !monitored->second.calm() || inbox_.contains(id);
  return {.wakes_monitor = add_event(id, {{KeyEvent::Kind::RoundTrip, now, {}, 1, now}}), .forget = forget};
}

void MonitoredKeys::health_written(const store::ExternalKeyHealth& stored) {
  MutexLock lock(mutex_);
  // Events that were reported before the change no longer count.
  inbox_.forget(stored.external_key_id);
  auto monitored = keys_.find(stored.external_key_id);
  if (monitored == keys_.end()) {
    refresh_wanted_ = true;
    return;
  }
  KeyHealth health;
  health.row = stored;
  monitored->second.set_health(std::move(health), MonitoredKey::Source::Check, clock_.age_time(), settings_);
  monitored->second.set_stored();
  if (stored.state == State::Unknown) monitored->second.want_check(clock_.age_time());
}

bool MonitoredKeys::add_event(const std::string& id, ReportedEvent reported) {
  return inbox_.add(id, std::move(reported));
}

bool MonitoredKeys::idle() const {
  MutexLock lock(mutex_);
  return inbox_.empty() && running_ == 0;
}

AgeTime MonitoredKeys::next_due() const {
  MutexLock lock(mutex_);
  auto next = refreshed_at_.value_or(clock_.age_time()) + settings_.refresh;
  if (running_ >= settings_.concurrency) return next;
  for (const auto& [id, monitored] : keys_) {
    if (!monitored.checking()) next = std::min(next, monitored.next_check());
  }
  return next;
}

bool MonitoredKeys::begin_refresh() {
  MutexLock lock(mutex_);
  bool unknown = std::any_of(inbox_.by_key().begin(), inbox_.by_key().end(), [&](const auto& of) {
    mutex_.assert_held();
    return !keys_.contains(of.first);
  });
  bool due = refresh_wanted_ || unknown || !refreshed_at_ || clock_.age_time() - *refreshed_at_ >= settings_.refresh;
  if (due) refreshed_at_ = clock_.age_time();
  return due;
}

void MonitoredKeys::take_list(std::vector<KeyHealthStore::Attached> listed) {
  MutexLock lock(mutex_);
  refresh_wanted_ = false;
  auto now = clock_.now();
  auto age_now = clock_.age_time();
  std::map<std::string, MonitoredKey> attached;
  for (auto& [key, stored] : listed) {
    auto id = key.id;
    auto known = keys_.extract(id);
    if (known.empty()) {
      attached.emplace(
          id, MonitoredKey(std::move(key), std::move(stored), random_fraction(random_), now, age_now, settings_));
      continue;
    }
    auto& monitored = known.mapped();
    monitored.set_key(std::move(key));
    bool suspended = stored && stored->state == State::Suspended;
    if (suspended != (monitored.state() == State::Suspended)) {
      // Another server suspended the key, or resumed it.
      KeyHealth health = unknown_health(monitored.key(), now);
      if (stored) health.row = std::move(*stored);
      monitored.set_health(std::move(health), MonitoredKey::Source::Check, age_now, settings_);
      monitored.set_stored();
      monitored.want_check(age_now);
    }
    attached.insert(std::move(known));
  }
  keys_ = std::move(attached);
}

std::optional<std::pair<std::string, ReportedEvent>> MonitoredKeys::take_event() {
  MutexLock lock(mutex_);
  return inbox_.take();
}

std::optional<MonitoredKeys::Verdict> MonitoredKeys::judge(const std::string& id, const ReportedEvent& reported) {
  MutexLock lock(mutex_);
  auto found = keys_.find(id);
  if (found == keys_.end() || found->second.state() == State::Suspended) return std::nullopt;
  auto& monitored = found->second;
  if (needs_check(reported)) {
    monitored.want_check(clock_.age_time());
    return std::nullopt;
  }
  const auto& before = monitored.health();
  Verdict verdict{
      .health = was_overtaken(reported, before.row) ? before : after(before, reported.event, settings_.rules),
      .source = reported.from_check ? MonitoredKey::Source::Check : MonitoredKey::Source::Request,
      .outdates_keyring = outdates_keyring(reported, before.row)};
  verdict.to_be_written = reported.from_check || !reads_the_same(before.row, verdict.health.row) ||
                          monitored.stale(clock_.now(), settings_);
  if (!verdict.to_be_written) monitored.set_health(verdict.health, verdict.source, clock_.age_time(), settings_);
  return verdict;
}

void MonitoredKeys::keep(const std::string& id, Verdict verdict,
                         Result<std::optional<store::ExternalKeyHealth>> stored) {
  MutexLock lock(mutex_);
  auto monitored = keys_.find(id);
  if (monitored == keys_.end() || monitored->second.state() == State::Suspended) return;
  if (!stored) {
    // The state stays as it is stored, and a check finds it out again.
    spdlog::warn("the health of {} could not be written: {}", id, describe(stored.error()));
    monitored->second.want_check(clock_.age_time() + settings_.retry.first);
  } else if (!stored.value()) {
    keys_.erase(monitored);
  } else {
    verdict.health.row = std::move(*stored.value());
    monitored->second.set_health(std::move(verdict.health), verdict.source, clock_.age_time(), settings_);
    monitored->second.set_stored();
  }
}

MonitoredKeys::Due MonitoredKeys::take_due() {
  MutexLock lock(mutex_);
  auto now = clock_.age_time();
  Due taken;
  std::vector<MonitoredKey*> due;
  for (auto& [id, monitored] : keys_) {
    if (monitored.checking() || monitored.next_check() > now) continue;
    if (monitored.state() == State::Suspended) {
      taken.suspended.push_back(id);
      monitored.put_off(now + settings_.retry.first);
    } else {
      due.push_back(&monitored);
    }
  }
  for (auto* monitored : most_urgent(std::move(due))) {
    monitored->begin_check();
    taken.checks.push_back(monitored->key());
  }
  running_ += taken.checks.size();
  return taken;
}

// Returns as many keys as may be checked besides those whose checks are under way: refused keys first, then those that
// are overdue for the longest.
std::vector<MonitoredKey*> MonitoredKeys::most_urgent(std::vector<MonitoredKey*> due) const {
  auto refused_first = [](const MonitoredKey* one, const MonitoredKey* other) {
    bool refused = one->state() == State::Refused;
    if (refused != (other->state() == State::Refused)) return refused;
    return one->next_check() < other->next_check();
  };
  std::sort(due.begin(), due.end(), refused_first);
  due.resize(std::min(due.size(), settings_.concurrency - std::min(running_, settings_.concurrency)));
  return due;
}

void MonitoredKeys::end_check(const std::string& id, Timestamp began, std::optional<KeyEvent> event) {
  MutexLock lock(mutex_);
  --running_;
  auto monitored = keys_.find(id);
  if (monitored != keys_.end()) {
    monitored->second.end_check(clock_.age_time() + settings_.retry.first);
  }
  if (!event) return;
  event->first = began;
  event->at = clock_.now();
  (void)add_event(id, {std::move(*event), true});
}

void MonitoredKeys::complete(store::ExternalKeyHealth& stored) const {
  MutexLock lock(mutex_);
  auto monitored = keys_.find(stored.external_key_id);
  if (monitored == keys_.end() || monitored->second.state() != stored.state) return;
  const auto& known = monitored->second.health().row;
  stored.last_checked_at = std::max(stored.last_checked_at, known.last_checked_at);
  stored.last_success_at = std::max(stored.last_success_at, known.last_success_at);
}

}  // namespace latchkey::health
