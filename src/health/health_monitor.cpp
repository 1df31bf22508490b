#include "health/health_monitor.hpp"

#include <mutex>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.hpp"
#include "health/health_book.hpp"
#include "health/probe.hpp"
#include "health/watch_list.hpp"

namespace latchkey::health {

// Kept alive by what it runs. No mutex is ever held across a suspension.
class HealthMonitor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
       RandomSource& random, boost::asio::any_io_executor executor, MonitorSettings settings, ForgetKey forget)
      : provider_(provider),
        clouds_(clouds),
        clock_(clock),
        random_(random),
        strand_(boost::asio::make_strand(std::move(executor))),
        timer_(strand_),
        timeout_(settings.timeout),
        forget_(std::move(forget)),
        book_(store, clock, random),
        list_(clock, random, settings) {}

  void proved(const std::string& id) {
    if (list_.proved(id)) wake();
  }
  void failed(const std::string& id, const Error& error) {
    if (list_.failed(id, error)) wake();
  }
  void validated(const std::string& id, bool success);
  void health_written(const store::ExternalKeyHealth& stored);
  [[nodiscard]] HealthBook& book() { return book_; }
  void start();
  void stop();
  [[nodiscard]] Task<void> attend();
  [[nodiscard]] bool idle() const { return list_.idle(); }
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> health_of(audit::Caller caller, std::string id);

 private:
  void wake();
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] Task<void> run();
  [[nodiscard]] Task<void> refresh();
  [[nodiscard]] Task<void> take(std::string id, Heard heard);
  void begin_checks();
  [[nodiscard]] Task<void> check(store::ExternalKey key);

  kms::KeyProvider& provider_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::any_io_executor strand_;
  boost::asio::steady_timer timer_;  // the strand's
  std::chrono::milliseconds timeout_;
  ForgetKey forget_;
  HealthBook book_;
  WatchList list_;

  mutable std::mutex mutex_;  // over everything below
  bool woken_ = false;
  bool stopping_ = false;
};

void HealthMonitor::Impl::validated(const std::string& id, bool success) {
  auto outcome = list_.validated(id, success);
  if (outcome.attend) wake();
  if (outcome.forget) forget_(id);
}

void HealthMonitor::Impl::health_written(const store::ExternalKeyHealth& stored) {
  list_.changed(stored);
  wake();
}

void HealthMonitor::Impl::wake() {
  std::lock_guard lock(mutex_);
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

bool HealthMonitor::Impl::stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

Task<void> HealthMonitor::Impl::run() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) co_return;
      woken_ = false;
    }
    co_await attend();
    auto wait = list_.next_event() - clock_.age_time();
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

Task<void> HealthMonitor::Impl::attend() {
  if (list_.begin_refresh()) co_await refresh();
  for (;;) {
    auto next = list_.next_heard();
    if (!next) break;
    auto taking = take(std::move(next->first), std::move(next->second));
    co_await std::move(taking);
  }
  begin_checks();
}

Task<void> HealthMonitor::Impl::refresh() {
  auto listed = co_await book_.attached();
  if (!listed) {
    spdlog::warn("the keys whose health is to be checked could not be read: {}", describe(listed.error()));
    co_return;
  }
  list_.take_list(std::move(listed).value());
}

Task<void> HealthMonitor::Impl::take(std::string id, Heard heard) {
  auto verdict = list_.judge(id, heard);
  if (!verdict) co_return;
  if (verdict->outdates_keyring) forget_(id);
  if (!verdict->to_be_written) co_return;
  auto stored = co_await book_.record(verdict->health.row);
  list_.keep(id, std::move(*verdict), std::move(stored));
}

void HealthMonitor::Impl::begin_checks() {
  if (stopping()) return;
  auto due = list_.take_due();
  // What a request brought that was under way when the key was suspended.
  for (const auto& id : due.suspended) forget_(id);
  for (auto& key : due.checks) {
    auto checking = [](std::shared_ptr<Impl> self, store::ExternalKey what) -> Task<void> {
      co_await self->check(std::move(what));
    };
    boost::asio::co_spawn(strand_, checking(shared_from_this(), std::move(key)), boost::asio::detached);
  }
}

Task<void> HealthMonitor::Impl::check(store::ExternalKey key) {
  auto id = key.id;
  auto began = clock_.now();
  std::optional<News> news;
  try {
    auto asking = probe(provider_, clouds_, book_, std::move(key), random_, clock_.steady() + timeout_);
    news = co_await std::move(asking);
  } catch (const std::exception& failure) {
    spdlog::error("the check of {} broke off: {}", id, failure.what());
  }
  list_.end_check(id, began, std::move(news));
  wake();
}

Task<Result<store::ExternalKeyHealth>> HealthMonitor::Impl::health_of(audit::Caller caller, std::string id) {
  auto read = book_.read(std::move(caller), id);
  LATCHKEY_CO_TRY(auto row, co_await std::move(read));
  list_.complete(row);
  co_return row;
}

HealthMonitor::HealthMonitor(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds,
                             const Clock& clock, RandomSource& random, boost::asio::any_io_executor executor,
                             MonitorSettings settings, ForgetKey forget)
    : impl_(std::make_shared<Impl>(store, provider, clouds, clock, random, std::move(executor), settings,
                                   std::move(forget))) {}

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

Result<void> HealthMonitor::begin_suspension(store::Transaction& transaction, const store::ExternalKey& key,
                                             const store::ExternalKeySuspension& suspension) {
  return impl_->book().begin_suspension(transaction, key, suspension);
}

Result<void> HealthMonitor::end_suspension(store::Transaction& transaction, const store::ExternalKey& key) {
  return impl_->book().end_suspension(transaction, key);
}

void HealthMonitor::health_written(const store::ExternalKeyHealth& stored) {
  impl_->health_written(stored);
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

Task<Result<store::ExternalKeyHealth>> HealthMonitor::health_of(audit::Caller caller, std::string external_key_id) {
  return impl_->health_of(std::move(caller), std::move(external_key_id));
}

}  // namespace latchkey::health
