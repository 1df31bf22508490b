#include "health/health_monitor.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "health/health_book.hpp"
#include "health/key_watch.hpp"
#include "health/news_inbox.hpp"
#include "health/probe.hpp"
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

// Kept alive by what it runs. The mutex is never held across a suspension.
class HealthMonitor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
       boost::asio::any_io_executor executor, MonitorSettings settings, ForgetKey forget)
      : provider_(provider),
        clock_(clock),
        random_(random),
        strand_(boost::asio::make_strand(std::move(executor))),
        timer_(strand_),
        settings_(settings),
        forget_(std::move(forget)),
        book_(store, clock, random) {}

  void proved(const std::string& id);
  void failed(const std::string& id, const Error& error);
  void validated(const std::string& id, bool success);
  void changed(const store::ExternalKeyHealth& stored);
  void start();
  void stop();
  [[nodiscard]] Task<void> attend();
  [[nodiscard]] bool idle() const;
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> health_of(admin::Caller caller, std::string id);

 private:
  void hear(const std::string& id, Heard heard);
  void wake();
  [[nodiscard]] Task<void> run();
  [[nodiscard]] SteadyTime next_event() const;
  [[nodiscard]] bool refresh_due();
  [[nodiscard]] Task<void> refresh();
  void take_list(std::vector<HealthBook::Attached> listed);
  [[nodiscard]] std::optional<std::pair<std::string, Heard>> next_heard();
  [[nodiscard]] Task<void> take(std::string id, Heard heard);
  void keep(const std::string& id, KeyWatch::Source source, KeyHealth next,
            Result<std::optional<store::ExternalKeyHealth>> stored);
  void begin_checks();
  [[nodiscard]] std::vector<store::ExternalKey> due_keys(std::vector<std::string>& suspended);
  [[nodiscard]] Task<void> check(store::ExternalKey key);

  kms::KeyProvider& provider_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::any_io_executor strand_;
  boost::asio::steady_timer timer_;  // the strand's
  MonitorSettings settings_;
  ForgetKey forget_;
  HealthBook book_;

  mutable std::mutex mutex_;  // over everything below
  std::map<std::string, KeyWatch> watches_;
  NewsInbox inbox_;
  std::optional<SteadyTime> refreshed_at_;
  bool refresh_wanted_ = false;
  std::size_t running_ = 0;
  bool woken_ = false;
  bool stopping_ = false;
};

void HealthMonitor::Impl::proved(const std::string& id) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  bool nothing_new = watch != watches_.end() && watch->second.calm() && !inbox_.contains(id);
  if (nothing_new) {
    watch->second.prove(now, clock_.steady(), settings_);
    if (!watch->second.stale(now, settings_)) return;
  }
  hear(id, {{News::Kind::Proved, now, {}, 1, now}});
}

void HealthMonitor::Impl::failed(const std::string& id, const Error& error) {
  auto now = clock_.now();
  std::lock_guard lock(mutex_);
  hear(id, {{News::Kind::Failed, now, error, 1, now}});
}

void HealthMonitor::Impl::validated(const std::string& id, bool success) {
  auto now = clock_.now();
  bool forget = false;
  {
    std::lock_guard lock(mutex_);
    auto watch = watches_.find(id);
    if (watch == watches_.end() || watch->second.state() == State::Suspended) return;
    if (success) {
      forget = !watch->second.calm() || inbox_.contains(id);
      hear(id, {{News::Kind::RoundTrip, now, {}, 1, now}});
    } else {
      // It may have failed for what a key in use does not need, as the tag.
      watch->second.check_at(clock_.steady());
      wake();
    }
  }
  if (forget) forget_(id);
}

void HealthMonitor::Impl::changed(const store::ExternalKeyHealth& stored) {
  std::lock_guard lock(mutex_);
  // What was heard before is of another time.
  inbox_.forget(stored.external_key_id);
  auto watch = watches_.find(stored.external_key_id);
  if (watch == watches_.end()) {
    refresh_wanted_ = true;
  } else {
    KeyHealth health;
    health.row = stored;
    watch->second.set_health(std::move(health), KeyWatch::Source::Checked, clock_.steady(), settings_);
    watch->second.set_stored();
    if (stored.state == State::Unknown) watch->second.check_at(clock_.steady());
  }
  wake();
}

// With the mutex held.
void HealthMonitor::Impl::hear(const std::string& id, Heard heard) {
  if (inbox_.add(id, std::move(heard))) wake();
}

// With the mutex held.
void HealthMonitor::Impl::wake() {
  if (woken_ || stopping_) return;
  woken_ = true;
  boost::asio::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
}

void HealthMonitor::Impl::start() {
  auto loop = [](std::shared_ptr<Impl> self) -> Task<void> { co_await self->run(); };
  boost::asio::co_spawn(strand_, loop(shared_from_this()), boost::asio::detached);
}

void HealthMonitor::Impl::stop() {
  std::lock_guard lock(mutex_);
  stopping_ = true;
  boost::asio::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
}

bool HealthMonitor::Impl::idle() const {
  std::lock_guard lock(mutex_);
  return inbox_.empty() && running_ == 0;
}

Task<void> HealthMonitor::Impl::run() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) co_return;
      woken_ = false;
    }
    co_await attend();
    auto wait = next_event() - clock_.steady();
    {
      std::lock_guard lock(mutex_);
      if (woken_ || stopping_) continue;
    }
    // Who wakes us from here on finds the timer running, for both happen on the strand.
    timer_.expires_after(wait);
    boost::system::error_code ignored;
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
}

SteadyTime HealthMonitor::Impl::next_event() const {
  std::lock_guard lock(mutex_);
  auto next = refreshed_at_.value_or(clock_.steady()) + settings_.refresh;
  if (running_ >= settings_.concurrency) return next;
  for (const auto& [id, watch] : watches_) {
    bool checked = settings_.interval.count() > 0 || watch.state() == State::Suspended;
    if (checked && !watch.checking) next = std::min(next, watch.next_check());
  }
  return next;
}

Task<void> HealthMonitor::Impl::attend() {
  if (refresh_due()) co_await refresh();
  for (;;) {
    auto next = next_heard();
    if (!next) break;
    auto taking = take(std::move(next->first), std::move(next->second));
    co_await std::move(taking);
  }
  begin_checks();
}

bool HealthMonitor::Impl::refresh_due() {
  std::lock_guard lock(mutex_);
  bool unknown = std::any_of(inbox_.by_key().begin(), inbox_.by_key().end(),
                             [&](const auto& of) { return !watches_.contains(of.first); });
  bool due = refresh_wanted_ || unknown || !refreshed_at_ || clock_.steady() - *refreshed_at_ >= settings_.refresh;
  if (due) refreshed_at_ = clock_.steady();
  return due;
}

Task<void> HealthMonitor::Impl::refresh() {
  auto listed = co_await book_.attached();
  if (!listed) {
    spdlog::warn("the keys whose health is to be checked could not be read: {}", describe(listed.error()));
    co_return;
  }
  take_list(std::move(listed).value());
}

void HealthMonitor::Impl::take_list(std::vector<HealthBook::Attached> listed) {
  std::lock_guard lock(mutex_);
  refresh_wanted_ = false;
  auto now = clock_.now();
  auto steady = clock_.steady();
  std::map<std::string, KeyWatch> watched;
  for (auto& [key, stored] : listed) {
    auto id = key.id;
    auto known = watches_.extract(id);
    if (known.empty()) {
      watched.emplace(id,
                      KeyWatch(std::move(key), std::move(stored), random_fraction(random_), now, steady, settings_));
      continue;
    }
    auto& watch = known.mapped();
    watch.set_key(std::move(key));
    bool suspended = stored && stored->state == State::Suspended;
    if (suspended != (watch.state() == State::Suspended)) {
      // Another server's kill switch.
      KeyHealth health = unknown_health(watch.key(), now);
      if (stored) health.row = std::move(*stored);
      watch.set_health(std::move(health), KeyWatch::Source::Checked, steady, settings_);
      watch.set_stored();
      watch.check_at(steady);
    }
    watched.insert(std::move(known));
  }
  watches_ = std::move(watched);
}

std::optional<std::pair<std::string, Heard>> HealthMonitor::Impl::next_heard() {
  std::lock_guard lock(mutex_);
  return inbox_.take();
}

Task<void> HealthMonitor::Impl::take(std::string id, Heard heard) {
  KeyHealth before;
  KeyHealth next;
  bool write = false;
  {
    std::lock_guard lock(mutex_);
    auto watch = watches_.find(id);
    if (watch == watches_.end() || watch->second.state() == State::Suspended) co_return;
    if (to_be_checked(heard)) {
      watch->second.check_at(clock_.steady());
      co_return;
    }
    before = watch->second.health();
    next = outdone(heard, before.row) ? before : after(before, heard.news, settings_.rules);
    write = heard.checked || !same_story(before.row, next.row) || watch->second.stale(clock_.now(), settings_);
    if (!write) watch->second.set_health(next, KeyWatch::Source::Heard, clock_.steady(), settings_);
  }
  if (outdates_keyring(heard, before.row)) forget_(id);
  if (!write) co_return;
  auto stored = co_await book_.record(next.row);
  auto source = heard.checked ? KeyWatch::Source::Checked : KeyWatch::Source::Heard;
  keep(id, source, std::move(next), std::move(stored));
}

void HealthMonitor::Impl::keep(const std::string& id, KeyWatch::Source source, KeyHealth next,
                               Result<std::optional<store::ExternalKeyHealth>> stored) {
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  if (watch == watches_.end() || watch->second.state() == State::Suspended) return;
  if (!stored) {
    // The state stays what is stored; a check tells us anew.
    spdlog::warn("the health of {} could not be written: {}", id, describe(stored.error()));
    watch->second.check_at(clock_.steady() + settings_.retry.first);
  } else if (!stored.value()) {
    watches_.erase(watch);
  } else {
    next.row = std::move(*stored.value());
    watch->second.set_health(std::move(next), source, clock_.steady(), settings_);
    watch->second.set_stored();
  }
}

void HealthMonitor::Impl::begin_checks() {
  std::vector<std::string> suspended;
  auto keys = due_keys(suspended);
  // What a request brought that was under way when the key was suspended.
  for (const auto& id : suspended) forget_(id);
  for (auto& key : keys) {
    auto checking = [](std::shared_ptr<Impl> self, store::ExternalKey what) -> Task<void> {
      co_await self->check(std::move(what));
    };
    boost::asio::co_spawn(strand_, checking(shared_from_this(), std::move(key)), boost::asio::detached);
  }
}

std::vector<store::ExternalKey> HealthMonitor::Impl::due_keys(std::vector<std::string>& suspended) {
  std::lock_guard lock(mutex_);
  auto now = clock_.steady();
  std::vector<KeyWatch*> due;
  for (auto& [id, watch] : watches_) {
    if (watch.checking || watch.next_check() > now) continue;
    if (watch.state() == State::Suspended) {
      suspended.push_back(id);
      watch.check_at(now + settings_.retry.first);
    } else if (settings_.interval.count() > 0) {
      due.push_back(&watch);
    }
  }
  auto refused_first = [](const KeyWatch* one, const KeyWatch* other) {
    bool refused = one->state() == State::Refused;
    if (refused != (other->state() == State::Refused)) return refused;
    return one->next_check() < other->next_check();
  };
  std::sort(due.begin(), due.end(), refused_first);
  if (stopping_) due.clear();
  due.resize(std::min(due.size(), settings_.concurrency - std::min(running_, settings_.concurrency)));
  std::vector<store::ExternalKey> keys;
  for (auto* watch : due) {
    watch->checking = true;
    keys.push_back(watch->key());
  }
  running_ += keys.size();
  return keys;
}

Task<void> HealthMonitor::Impl::check(store::ExternalKey key) {
  auto id = key.id;
  auto began = clock_.now();
  std::optional<News> news;
  try {
    auto asking = probe(provider_, book_, std::move(key), random_, clock_.steady() + settings_.timeout);
    news = co_await std::move(asking);
  } catch (const std::exception& failure) {
    spdlog::error("the check of {} broke off: {}", id, failure.what());
  }
  std::lock_guard lock(mutex_);
  --running_;
  auto watch = watches_.find(id);
  if (watch != watches_.end()) {
    watch->second.checking = false;
    watch->second.check_at(clock_.steady() + settings_.retry.first);
  }
  if (news) {
    news->first = began;
    news->at = clock_.now();
    hear(id, {std::move(*news), true});
  }
  wake();
}

Task<Result<store::ExternalKeyHealth>> HealthMonitor::Impl::health_of(admin::Caller caller, std::string id) {
  auto read = book_.read(std::move(caller), id);
  LATCHKEY_CO_TRY(auto row, co_await std::move(read));
  std::lock_guard lock(mutex_);
  auto watch = watches_.find(id);
  if (watch == watches_.end() || watch->second.state() != row.state) co_return row;
  const auto& known = watch->second.health().row;
  row.last_checked_at = std::max(row.last_checked_at, known.last_checked_at);
  row.last_success_at = std::max(row.last_success_at, known.last_success_at);
  co_return row;
}

HealthMonitor::HealthMonitor(store::Store& store, kms::KeyProvider& provider, const Clock& clock, RandomSource& random,
                             boost::asio::any_io_executor executor, MonitorSettings settings, ForgetKey forget)
    : impl_(std::make_shared<Impl>(store, provider, clock, random, std::move(executor), settings, std::move(forget))) {}

HealthMonitor::~HealthMonitor() = default;

void HealthMonitor::proved(const std::string& external_key_id) {
  impl_->proved(external_key_id);
}

void HealthMonitor::failed(const std::string& external_key_id, const Error& error) {
  impl_->failed(external_key_id, error);
}

void HealthMonitor::validated(const std::string& external_key_id, bool success) {
  impl_->validated(external_key_id, success);
}

void HealthMonitor::changed(const store::ExternalKeyHealth& stored) {
  impl_->changed(stored);
}

void HealthMonitor::start() {
  impl_->start();
}

void HealthMonitor::stop() {
  impl_->stop();
}

Task<void> HealthMonitor::attend() {
  return impl_->attend();
}

bool HealthMonitor::idle() const {
  return impl_->idle();
}

Task<Result<store::ExternalKeyHealth>> HealthMonitor::health_of(admin::Caller caller, std::string external_key_id) {
  return impl_->health_of(std::move(caller), std::move(external_key_id));
}

}  // namespace latchkey::health
