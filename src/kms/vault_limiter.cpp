#include "kms/vault_limiter.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/mutex.hpp"
#include "base/timeout.hpp"
#include "kms/reason_catalogue.hpp"
#include "kms/vault_queue.hpp"

namespace latchkey::kms {

namespace {

struct Vault {
  explicit Vault(const VaultLimits& limits) : queue(limits) {}
  VaultQueue queue;
  bool wake_is_set = false;
};
// By name. An entry keeps its place in memory for as long as any call to the vault waits or is in flight.
using Vaults = std::map<std::string, Vault>;

// For each call, sweep() looks at this many other vaults. A call adds at most one, so memory stays bounded.
constexpr int kSwept = 2;

Error no_turn(const std::string& vault, std::string_view note) {
  ReasonArguments arguments;
  arguments.host = vault;
  arguments.note = note;
  auto error = reason_error(reason::kNoTurn, arguments);
  error.retry_after = std::chrono::seconds(1);
  return error;
}

}  // namespace

// The limiter's mutex guards all of it.
struct VaultLimiter::Waiter : VaultQueue::Call {
  Waiter(Vaults::iterator where, VaultCall call)
      : Call(std::move(call.organization), std::move(call.key), call.kind), vault(where) {}
  Vaults::iterator vault;
  std::function<void()> resume;
  std::optional<Error> turned_away;
};

class VaultLimiter::State {
 public:
  State(const Clock& clock, boost::asio::any_io_executor executor, std::shared_ptr<Sleeper> sleeper, VaultLimits limits)
      : clock_(clock), executor_(std::move(executor)), sleeper_(std::move(sleeper)), limits_(limits) {}

  using WaiterPtr = std::shared_ptr<Waiter>;
  struct Queued {
    WaiterPtr waiter;
    bool waits;  // false: the call is in flight already
  };
  // Queues the call, and lets through every call whose turn it is. The error is that of a full queue.
  Result<Queued> queue(VaultLimiter& limiter, VaultCall call);
  Task<bool> wait(WaiterPtr waiter);
  // To be called once the wait is over, for whatever reason: success where the call was let through.
  Result<void> conclude(VaultLimiter& limiter, const WaiterPtr& waiter);
  void turn_away(const VaultCall& call, const Error& error);
  void leave(VaultLimiter& limiter, Waiter& waiter);
  void wake(VaultLimiter& limiter, const std::string& vault);

  [[nodiscard]] VaultLoad load() const;
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const VaultLimits& limits() const { return limits_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  using Resumes = std::vector<std::function<void()>>;
  static void run(const Resumes& resumes) {
    for (const auto& resume : resumes) resume();
  }
  [[nodiscard]] Resumes let_through(VaultLimiter& limiter, Vaults::iterator vault, SteadyTime now)
      LATCHKEY_REQUIRES(mutex_);
  void sweep(const std::string& busy, SteadyTime now) LATCHKEY_REQUIRES(mutex_);
  void set_wake(VaultLimiter& limiter, Vaults::value_type& vault, std::chrono::nanoseconds after);

  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Sleeper> sleeper_;
  const VaultLimits limits_;
  mutable Mutex mutex_;
  Vaults vaults_ LATCHKEY_GUARDED_BY(mutex_);
  std::string swept_ LATCHKEY_GUARDED_BY(mutex_);  // the vault that sweep() looked at last
};

VaultLoad VaultLimiter::State::load() const {
  MutexLock lock(mutex_);
  VaultLoad load;
  load.vaults = vaults_.size();
  for (const auto& [name, vault] : vaults_) {
    load.in_flight += vault.queue.in_flight();
    load.waiting += vault.queue.waiting();
  }
  return load;
}

// Lets through every call that may go, and returns what resumes them: to be called without the mutex. Afterwards the
// vault may be forgotten.
VaultLimiter::State::Resumes VaultLimiter::State::let_through(VaultLimiter& limiter, Vaults::iterator vault,
                                                              SteadyTime now) {
  Resumes resumes;
  auto& queue = vault->second.queue;
  auto admitted = queue.admit(now);
  for (const auto& call : admitted.calls) {
    auto& waiter = static_cast<Waiter&>(*call);
    if (waiter.resume) resumes.push_back(std::move(waiter.resume));
  }
  // A call that ends lets through those that wait for it. For those that wait for the window a timer must.
  if (admitted.next_room) {
    set_wake(limiter, *vault, *admitted.next_room - now);
  } else if (queue.is_idle(now)) {
    vaults_.erase(vault);
  }
  return resumes;
}

// Forgets vaults whose last window is over, because no later event of such a vault would.
void VaultLimiter::State::sweep(const std::string& busy, SteadyTime now) {
  for (int i = 0; i < kSwept && !vaults_.empty(); ++i) {
    auto vault = vaults_.upper_bound(swept_);
    if (vault == vaults_.end()) vault = vaults_.begin();
    swept_ = vault->first;
    if (vault->first != busy && vault->second.queue.is_idle(now)) vaults_.erase(vault);
  }
}

void VaultLimiter::State::set_wake(VaultLimiter& limiter, Vaults::value_type& vault, std::chrono::nanoseconds after) {
  if (std::exchange(vault.second.wake_is_set, true)) return;
  auto later = [](std::weak_ptr<VaultLimiter> weak, std::shared_ptr<Sleeper> sleeper, std::string of,
                  std::chrono::milliseconds delay) -> Task<void> {
    co_await sleeper->sleep_for(delay);
    if (auto alive = weak.lock()) alive->state_->wake(*alive, of);
  };
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(after);
  boost::asio::co_spawn(executor_, later(limiter.weak_from_this(), sleeper_, vault.first, delay),
                        boost::asio::detached);
}

void VaultLimiter::State::wake(VaultLimiter& limiter, const std::string& name) {
  Resumes resumes;
  {
    MutexLock lock(mutex_);
    auto vault = vaults_.find(name);
    if (vault == vaults_.end()) return;
    vault->second.wake_is_set = false;
    resumes = let_through(limiter, vault, clock_.steady());
  }
  run(resumes);
}

Result<VaultLimiter::State::Queued> VaultLimiter::State::queue(VaultLimiter& limiter, VaultCall call) {
  Queued queued;
  Resumes resumes;
  {
    MutexLock lock(mutex_);
    auto now = clock_.steady();
    auto vault = vaults_.try_emplace(call.vault, limits_).first;
    queued.waiter = std::make_shared<Waiter>(vault, std::move(call));
    if (!vault->second.queue.push(queued.waiter, now)) {
      return no_turn(vault->first, ": too many of this organisation's wait for one already");
    }
    resumes = let_through(limiter, vault, now);
    queued.waits = queued.waiter->waits();
    sweep(vault->first, now);
  }
  run(resumes);
  return queued;
}

Task<bool> VaultLimiter::State::wait(WaiterPtr waiter) {
  auto begin = [this, waiter](std::function<void()> resume) {
    {
      MutexLock lock(mutex_);
      if (waiter->waits()) {
        waiter->resume = std::move(resume);
        return;
      }
    }
    resume();
  };
  auto called = suspend(std::move(begin));
  co_await std::move(called);
  co_return true;
}

void VaultLimiter::State::turn_away(const VaultCall& call, const Error& error) {
  Resumes resumes;
  {
    MutexLock lock(mutex_);
    auto vault = vaults_.find(call.vault);
    if (vault == vaults_.end()) return;
    for (const auto& dropped : vault->second.queue.drop(call.organization, call.key)) {
      auto& waiter = static_cast<Waiter&>(*dropped);
      waiter.turned_away = error;
      if (waiter.resume) resumes.push_back(std::move(waiter.resume));
    }
  }
  run(resumes);
}

Result<void> VaultLimiter::State::conclude(VaultLimiter& limiter, const WaiterPtr& waiter) {
  std::string name;
  std::function<void()> resume;
  Resumes resumes;
  {
    MutexLock lock(mutex_);
    if (waiter->is_in_flight()) return success();
    if (waiter->turned_away) return *waiter->turned_away;
    resume = std::move(waiter->resume);
    auto vault = waiter->vault;
    name = vault->first;
    vault->second.queue.withdraw(*waiter);
    // Background work may have waited only because this request waited.
    resumes = let_through(limiter, vault, clock_.steady());
  }
  if (resume) resume();
  run(resumes);
  return no_turn(name, "");
}

void VaultLimiter::State::leave(VaultLimiter& limiter, Waiter& waiter) {
  Resumes resumes;
  {
    MutexLock lock(mutex_);
    auto vault = waiter.vault;
    vault->second.queue.finish(waiter);
    resumes = let_through(limiter, vault, clock_.steady());
  }
  run(resumes);
}

VaultLimiter::Pass::Pass(std::shared_ptr<VaultLimiter> limiter, std::shared_ptr<Waiter> waiter)
    : limiter_(std::move(limiter)), waiter_(std::move(waiter)) {}

VaultLimiter::Pass::Pass(Pass&& other) noexcept
    : limiter_(std::move(other.limiter_)), waiter_(std::move(other.waiter_)) {}

VaultLimiter::Pass& VaultLimiter::Pass::operator=(Pass&& other) noexcept {
  std::swap(limiter_, other.limiter_);
  std::swap(waiter_, other.waiter_);
  return *this;
}

VaultLimiter::Pass::~Pass() {
  if (limiter_) limiter_->state_->leave(*limiter_, *waiter_);
}

VaultLimiter::VaultLimiter(std::unique_ptr<State> state) : state_(std::move(state)) {}
VaultLimiter::~VaultLimiter() = default;

std::shared_ptr<VaultLimiter> VaultLimiter::create(const Clock& clock, boost::asio::any_io_executor executor,
                                                   std::shared_ptr<Sleeper> sleeper, VaultLimits limits) {
  auto state = std::make_unique<State>(clock, std::move(executor), std::move(sleeper), limits);
  return std::shared_ptr<VaultLimiter>(new VaultLimiter(std::move(state)));
}

Task<Result<VaultLimiter::Pass>> VaultLimiter::enter(VaultCall call, Deadline deadline) {
  auto self = shared_from_this();
  auto now = state_->clock().steady();
  if (call.kind == CallKind::Renewal) deadline = std::min<Deadline>(deadline, now + state_->limits().renewal_turn);
  LATCHKEY_CO_TRY(auto queued, state_->queue(*this, std::move(call)));
  auto waiter = std::move(queued.waiter);
  if (queued.waits) {
    std::function<Task<bool>()> work = [self, waiter] { return self->state_->wait(waiter); };
    (void)co_await with_timeout(state_->executor(), deadline - now, std::move(work));
    LATCHKEY_CO_TRYV(state_->conclude(*this, waiter));
  }
  co_return Pass(std::move(self), std::move(waiter));
}

void VaultLimiter::turn_away(const VaultCall& call, const Error& error) {
  state_->turn_away(call, error);
}

VaultLoad VaultLimiter::load() const {
  return state_->load();
}

SteadyTime VaultLimiter::now() const {
  return state_->clock().steady();
}

}  // namespace latchkey::kms
