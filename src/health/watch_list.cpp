#include "health/watch_list.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "kms/key_errors.hpp"

namespace latchkey::health {

namespace {

bool same_story(const store::ExternalKeyHealth& one, const store::ExternalKeyHealth& other) {
  return one.state == other.state && one.reason == other.reason && one.cause == other.cause && one.cure == other.cure;
}

// Whether the keyring holds what this check found to be over: leases of a key that refuses, or a refusal.
bool outdates_keyring(const Heard& heard, const store::ExternalKeyHealth& before) {
  if (!heard.checked) return false;
  bool whole = heard.news.kind == News::Kind::RoundTrip;
  if (before.state == State::Refused) return whole || heard.news.kind == News::Kind::WrapRefused;
  if (heard.news.kind == News::Kind::Failed) return kms::is_refusal(heard.news.error);
  return whole && before.state == State::Degraded &&
         kms::concerns_wrapping_alone({ErrorCode::KeyDenied, "", before.reason});
}

// Of a refusal to wrap that was met in passing, whether the key still unwraps is to be found out.
bool to_be_checked(const Heard& heard) {
  return !heard.checked && heard.news.kind == News::Kind::Failed && kms::is_refusal(heard.news.error) &&
         kms::concerns_wrapping_alone(heard.news.error);
}

// A check that got nowhere while requests did: requests go first, and speak for the key.
bool outdone(const Heard& heard, const store::ExternalKeyHealth& before) {
  return heard.checked && heard.news.kind == News::Kind::Failed && !kms::is_refusal(heard.news.error) &&
         before.last_success_at && *before.last_success_at >= heard.news.first;
}

}  // namespace

bool WatchList::proved(const std::string& id) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  bool nothing_new = watch != watches_.end() && watch->second.calm() && !inbox_.contains(id);
  if (nothing_new) {
    watch->second.prove(now, clock_.age_time(), settings_);
    if (!watch->second.stale(now, settings_)) return false;
  }
  return hear(id, {{News::Kind::Proved, now, {}, 1, now}});
}

bool WatchList::failed(const std::string& id, const Error& error) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  return hear(id, {{News::Kind::Failed, now, error, 1, now}});
}

WatchList::Validated WatchList::validated(const std::string& id, bool success) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  if (watch == watches_.end() || watch->second.state() == State::Suspended) return {};
  if (!success) {
    // It may have failed for what a key in use does not need, as the tag.
    watch->second.want_check(clock_.age_time());
    return {.attend = true, .forget = false};
  }
  bool forget = !watch->second.calm() || inbox_.contains(id);
  return {.attend = hear(id, {{News::Kind::RoundTrip, now, {}, 1, now}}), .forget = forget};
}

void WatchList::changed(const store::ExternalKeyHealth& stored) {
  std::lock_guard lock(mutex_);
  // What was heard before is of another time.
  inbox_.forget(stored.external_key_id);
  auto watch = watches_.find(stored.external_key_id);
  if (watch == watches_.end()) {
    refresh_wanted_ = true;
    return;
  }
  KeyHealth health;
  health.row = stored;
  watch->second.set_health(std::move(health), KeyWatch::Source::Checked, clock_.age_time(), settings_);
  watch->second.set_stored();
  if (stored.state == State::Unknown) watch->second.want_check(clock_.age_time());
}

// With the mutex held.
bool WatchList::hear(const std::string& id, Heard heard) {
  return inbox_.add(id, std::move(heard));
}

bool WatchList::idle() const {
  std::lock_guard lock(mutex_);
  return inbox_.empty() && running_ == 0;
}

AgeTime WatchList::next_event() const {
  std::lock_guard lock(mutex_);
  auto next = refreshed_at_.value_or(clock_.age_time()) + settings_.refresh;
  if (running_ >= settings_.concurrency) return next;
  for (const auto& [id, watch] : watches_) {
    if (!watch.checking()) next = std::min(next, watch.next_check());
  }
  return next;
}

bool WatchList::begin_refresh() {
  std::lock_guard lock(mutex_);
  bool unknown = std::any_of(inbox_.by_key().begin(), inbox_.by_key().end(),
                             [&](const auto& of) { return !watches_.contains(of.first); });
  bool due = refresh_wanted_ || unknown || !refreshed_at_ || clock_.age_time() - *refreshed_at_ >= settings_.refresh;
  if (due) refreshed_at_ = clock_.age_time();
  return due;
}

void WatchList::take_list(std::vector<HealthBook::Attached> listed) {
  std::lock_guard lock(mutex_);
  refresh_wanted_ = false;
  auto now = clock_.now();
  auto age_now = clock_.age_time();
  std::map<std::string, KeyWatch> watched;
  for (auto& [key, stored] : listed) {
    auto id = key.id;
    auto known = watches_.extract(id);
    if (known.empty()) {
      watched.emplace(id,
                      KeyWatch(std::move(key), std::move(stored), random_fraction(random_), now, age_now, settings_));
      continue;
    }
    auto& watch = known.mapped();
    watch.set_key(std::move(key));
    bool suspended = stored && stored->state == State::Suspended;
    if (suspended != (watch.state() == State::Suspended)) {
      // Another server suspended the key, or resumed it.
      KeyHealth health = unknown_health(watch.key(), now);
      if (stored) health.row = std::move(*stored);
      watch.set_health(std::move(health), KeyWatch::Source::Checked, age_now, settings_);
      watch.set_stored();
      watch.want_check(age_now);
    }
    watched.insert(std::move(known));
  }
  watches_ = std::move(watched);
}

std::optional<std::pair<std::string, Heard>> WatchList::next_heard() {
  std::lock_guard lock(mutex_);
  return inbox_.take();
}

std::optional<WatchList::Verdict> WatchList::judge(const std::string& id, const Heard& heard) {
  std::lock_guard lock(mutex_);
  auto found = watches_.find(id);
  if (found == watches_.end() || found->second.state() == State::Suspended) return std::nullopt;
  auto& watch = found->second;
  if (to_be_checked(heard)) {
    watch.want_check(clock_.age_time());
    return std::nullopt;
  }
  const auto& before = watch.health();
  Verdict verdict{.health = outdone(heard, before.row) ? before : after(before, heard.news, settings_.rules),
                  .source = heard.checked ? KeyWatch::Source::Checked : KeyWatch::Source::Heard,
                  .outdates_keyring = outdates_keyring(heard, before.row)};
  verdict.to_be_written =
      heard.checked || !same_story(before.row, verdict.health.row) || watch.stale(clock_.now(), settings_);
  if (!verdict.to_be_written) watch.set_health(verdict.health, verdict.source, clock_.age_time(), settings_);
  return verdict;
}

void WatchList::keep(const std::string& id, Verdict verdict, Result<std::optional<store::ExternalKeyHealth>> stored) {
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  if (watch == watches_.end() || watch->second.state() == State::Suspended) return;
  if (!stored) {
    // The state stays what is stored; a check tells us anew.
    spdlog::warn("the health of {} could not be written: {}", id, describe(stored.error()));
    watch->second.want_check(clock_.age_time() + settings_.retry.first);
  } else if (!stored.value()) {
    watches_.erase(watch);
  } else {
    verdict.health.row = std::move(*stored.value());
    watch->second.set_health(std::move(verdict.health), verdict.source, clock_.age_time(), settings_);
    watch->second.set_stored();
  }
}

WatchList::Due WatchList::take_due() {
  std::lock_guard lock(mutex_);
  auto now = clock_.age_time();
  Due taken;
  std::vector<KeyWatch*> due;
  for (auto& [id, watch] : watches_) {
    if (watch.checking() || watch.next_check() > now) continue;
    if (watch.state() == State::Suspended) {
      taken.suspended.push_back(id);
      watch.put_off(now + settings_.retry.first);
    } else {
      due.push_back(&watch);
    }
  }
  for (auto* watch : most_urgent(std::move(due))) {
    watch->begin_check();
    taken.checks.push_back(watch->key());
  }
  running_ += taken.checks.size();
  return taken;
}

// As many as may be checked beside those that are: refused keys, then those that are due for the longest.
std::vector<KeyWatch*> WatchList::most_urgent(std::vector<KeyWatch*> due) const {
  auto refused_first = [](const KeyWatch* one, const KeyWatch* other) {
    bool refused = one->state() == State::Refused;
    if (refused != (other->state() == State::Refused)) return refused;
    return one->next_check() < other->next_check();
  };
  std::sort(due.begin(), due.end(), refused_first);
  due.resize(std::min(due.size(), settings_.concurrency - std::min(running_, settings_.concurrency)));
  return due;
}

void WatchList::end_check(const std::string& id, Timestamp began, std::optional<News> news) {
  std::lock_guard lock(mutex_);
  --running_;
  auto watch = watches_.find(id);
  if (watch != watches_.end()) {
    watch->second.end_check(clock_.age_time() + settings_.retry.first);
  }
  if (!news) return;
  news->first = began;
  news->at = clock_.now();
  (void)hear(id, {std::move(*news), true});
}

void WatchList::complete(store::ExternalKeyHealth& stored) const {
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(stored.external_key_id);
  if (watch == watches_.end() || watch->second.state() != stored.state) return;
  const auto& known = watch->second.health().row;
  stored.last_checked_at = std::max(stored.last_checked_at, known.last_checked_at);
  stored.last_success_at = std::max(stored.last_success_at, known.last_success_at);
}

}  // namespace latchkey::health
