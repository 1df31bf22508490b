#include "health/health_monitor.hpp"

#include <atomic>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>

#include "base/log.hpp"
#include "base/mutex.hpp"
#include "health/key_health_store.hpp"
#include "health/monitored_keys.hpp"
#include "health/probe.hpp"

namespace latchkey::health {

using std::chrono::milliseconds;

// The coroutines that it runs keep it alive. No mutex is held while a coroutine is suspended.
class HealthMonitor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(store::Store& store, kms::KeyProvider& provider, const kms::Providers& clouds, const Clock& clock,
       RandomSource& random, boost::asio::any_io_executor executor, MonitorSettings settings, ForgetKey forget)
      : provider_(provider),
        clouds_(clouds),
        clock_(clock),
        random_(random),
        strand_(boost::asio::make_strand(std::move(executor))),
        timeout_(settings.timeout),
        forget_(std::move(forget)),
        health_store_(store, clock, random),
        keys_(clock, random, settings) {}

  void proved(const std::string& id) {
    if (keys_.proved(id)) wake();
  }
  void failed(const std::string& id, const Error& error) {
    if (keys_.failed(id, error)) wake();
  }
  void validated(const std::string& id, bool success);
  void health_written(const store::ExternalKeyHealth& stored);
  [[nodiscard]] KeyHealthStore& health_store() { return health_store_; }
  [[nodiscard]] std::shared_ptr<BackgroundTask> start();
  void stop();
  [[nodiscard]] Task<milliseconds> run_once();
  [[nodiscard]] bool idle() const { return keys_.idle(); }
  [[nodiscard]] Task<Result<store::ExternalKeyHealth>> health_of(audit::Caller caller, std::string id);

 private:
  void wake();
  [[nodiscard]] Task<void> refresh();
  [[nodiscard]] Task<void> take(std::string id, ReportedEvent reported);
  void begin_checks();
  [[nodiscard]] Task<void> check(store::ExternalKey key);

  kms::KeyProvider& provider_;
  const kms::Providers& clouds_;
  const Clock& clock_;
  RandomSource& random_;
  boost::asio::any_io_executor strand_;
  milliseconds timeout_;
  ForgetKey forget_;
  KeyHealthStore health_store_;
  MonitoredKeys keys_;

  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::weak_ptr<BackgroundTask> task_ LATCHKEY_GUARDED_BY(mutex_);
};

void HealthMonitor::Impl::validated(const std::string& id, bool success) {
  auto outcome = keys_.validated(id, success);
  if (outcome.wakes_monitor) wake();
  if (outcome.forget) forget_(id);
}

void HealthMonitor::Impl::health_written(const store::ExternalKeyHealth& stored) {
  keys_.health_written(stored);
  wake();
}

void HealthMonitor::Impl::wake() {
  MutexLock lock(mutex_);
  if (auto task = task_.lock()) task->wake();
}

std::shared_ptr<BackgroundTask> HealthMonitor::Impl::start() {
  auto work = [self = shared_from_this()]() -> Task<BackgroundTask::Wait> {
    if (self->stopping_) co_return std::nullopt;
    auto wait = co_await self->run_once();
    co_return wait;
  };
  // It holds the lock, so that no event comes between the first run and the moment from which events wake the task.
  MutexLock lock(mutex_);
  auto task = BackgroundTask::start(strand_, milliseconds(0), std::move(work));
  task_ = task;
  return task;
}

void HealthMonitor::Impl::stop() {
  stopping_ = true;
  wake();
}

Task<milliseconds> HealthMonitor::Impl::run_once() {
  if (keys_.begin_refresh()) co_await refresh();
  for (;;) {
    auto next = keys_.take_event();
    if (!next) break;
    auto taking = take(std::move(next->first), std::move(next->second));
    co_await std::move(taking);
  }
  begin_checks();
  co_return std::chrono::ceil<milliseconds>(keys_.next_due() - clock_.age_time());
}

Task<void> HealthMonitor::Impl::refresh() {
  auto listed = co_await health_store_.attached();
  if (!listed) {
    spdlog::warn("the health monitor could not read the list of attached keys: {}", describe(listed.error()));
    co_return;
  }
  keys_.take_list(std::move(listed).value());
}

Task<void> HealthMonitor::Impl::take(std::string id, ReportedEvent reported) {
  auto verdict = keys_.judge(id, reported);
  if (!verdict) co_return;
  if (verdict->outdates_keyring) forget_(id);
  if (!verdict->to_be_written) co_return;
  auto stored = co_await health_store_.record(verdict->health.row);
  keys_.keep(id, std::move(*verdict), std::move(stored));
}

void HealthMonitor::Impl::begin_checks() {
  if (stopping_) return;
  auto due = keys_.take_due();
  // A request that was under way when the key was suspended may have left a lease.
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
  std::optional<KeyEvent> event;
  try {
    auto asking = probe(provider_, clouds_, health_store_, std::move(key), random_, clock_.steady() + timeout_);
    event = co_await std::move(asking);
  } catch (const std::exception& failure) {
    spdlog::error("the health check of {} ended by an exception: {}", id, failure.what());
  }
  keys_.end_check(id, began, std::move(event));
  wake();
}

Task<Result<store::ExternalKeyHealth>> HealthMonitor::Impl::health_of(audit::Caller caller, std::string id) {
  auto read = health_store_.read(std::move(caller), id);
  LATCHKEY_CO_TRY(auto row, co_await std::move(read));
  keys_.complete(row);
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
  return impl_->health_store().begin_suspension(transaction, key, suspension);
}

Result<void> HealthMonitor::end_suspension(store::Transaction& transaction, const store::ExternalKey& key) {
  return impl_->health_store().end_suspension(transaction, key);
}

void HealthMonitor::health_written(const store::ExternalKeyHealth& stored) {
  impl_->health_written(stored);
}

std::shared_ptr<BackgroundTask> HealthMonitor::start() {
  return impl_->start();
}

void HealthMonitor::stop() {
  impl_->stop();
}

Task<std::chrono::milliseconds> HealthMonitor::run_once() {
  return impl_->run_once();
}

bool HealthMonitor::idle() const {
  return impl_->idle();
}

Task<Result<store::ExternalKeyHealth>> HealthMonitor::health_of(audit::Caller caller, std::string external_key_id) {
  return impl_->health_of(std::move(caller), std::move(external_key_id));
}

}  // namespace latchkey::health
