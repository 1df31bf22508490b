#include "kms/call_gate.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/timeout.hpp"
#include "kms/reason_catalogue.hpp"
#include "kms/vault_queue.hpp"

namespace latchkey::kms {

namespace {

struct Vault {
  explicit Vault(const GateLimits& limits) : queue(limits) {}
  VaultQueue queue;
  bool wake_is_set = false;
};
// By name. One stays where it is for as long as any call waits or is in flight there.
using Vaults = std::map<std::string, Vault>;

// So many other vaults are looked at for each call: more than there are new ones.
constexpr int kSwept = 2;

Error no_turn(const std::string& vault, std::string_view note) {
  Facts facts;
  facts.host = vault;
  facts.note = note;
  auto error = reason_error(reason::kNoTurn, facts);
  error.retry_after = std::chrono::seconds(1);
  return error;
}

}  // namespace

// All of it under the gate's mutex.
struct CallGate::Waiter : VaultQueue::Call {
  Waiter(Vaults::iterator where, GateCall call)
      : Call(std::move(call.organization), std::move(call.key), call.kind), vault(where) {}
  Vaults::iterator vault;
  std::function<void()> resume;
  std::optional<Error> turned_away;
};

class CallGate::State {
 public:
  State(const Clock& clock, boost::asio::any_io_executor executor, std::shared_ptr<Sleeper> sleeper, GateLimits limits)
      : clock_(clock), executor_(std::move(executor)), sleeper_(std::move(sleeper)), limits_(limits) {}

  using WaiterPtr = std::shared_ptr<Waiter>;
  struct Queued {
    WaiterPtr waiter;
    bool waits;  // or is let through already
  };
  // An error where it was turned away.
  Result<Queued> queue(CallGate& gate, GateCall call);
  Task<bool> wait(WaiterPtr waiter);
  // To be called once the wait is over, for whatever reason: whether the waiter was let through.
  Result<void> conclude(CallGate& gate, const WaiterPtr& waiter);
  void turn_away(const GateCall& call, const Error& error);
  void leave(CallGate& gate, Waiter& waiter);
  void wake(CallGate& gate, const std::string& vault);

  [[nodiscard]] GateLoad load() const;
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const GateLimits& limits() const { return limits_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  using Resumes = std::vector<std::function<void()>>;
  static void run(const Resumes& resumes) {
    for (const auto& resume : resumes) resume();
  }
  [[nodiscard]] Resumes let_through(CallGate& gate, Vaults::iterator vault, SteadyTime now);
  void sweep(const std::string& busy, SteadyTime now);
  void set_wake(CallGate& gate, Vaults::value_type& vault, std::chrono::nanoseconds after);

  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Sleeper> sleeper_;
  const GateLimits limits_;
  mutable std::mutex mutex_;  // over everything below
  Vaults vaults_;
  std::string swept_;  // up to here
};

GateLoad CallGate::State::load() const {
  std::lock_guard lock(mutex_);
  GateLoad load;
  load.vaults = vaults_.size();
  for (const auto& [name, vault] : vaults_) {
    load.in_flight += vault.queue.in_flight();
    load.waiting += vault.queue.waiting();
  }
  return load;
}

// Everybody who may. To be called with the mutex held; the resumes without. The vault may be forgotten then.
CallGate::State::Resumes CallGate::State::let_through(CallGate& gate, Vaults::iterator vault, SteadyTime now) {
  Resumes resumes;
  auto& queue = vault->second.queue;
  auto admitted = queue.admit(now);
  for (const auto& call : admitted.calls) {
    auto& waiter = static_cast<Waiter&>(*call);
    if (waiter.resume) resumes.push_back(std::move(waiter.resume));
  }
  // Who waits for a call to end is let through by it; who waits for the window, by time alone.
  if (admitted.next_room) {
    set_wake(gate, *vault, *admitted.next_room - now);
  } else if (queue.is_idle(now)) {
    vaults_.erase(vault);
  }
  return resumes;
}

// Forgets vaults whose last window is over: nothing of theirs would ever wake us.
void CallGate::State::sweep(const std::string& busy, SteadyTime now) {
  for (int i = 0; i < kSwept && !vaults_.empty(); ++i) {
    auto vault = vaults_.upper_bound(swept_);
    if (vault == vaults_.end()) vault = vaults_.begin();
    swept_ = vault->first;
    if (vault->first != busy && vault->second.queue.is_idle(now)) vaults_.erase(vault);
  }
}

void CallGate::State::set_wake(CallGate& gate, Vaults::value_type& vault, std::chrono::nanoseconds after) {
  if (std::exchange(vault.second.wake_is_set, true)) return;
  auto later = [](std::weak_ptr<CallGate> weak, std::shared_ptr<Sleeper> sleeper, std::string of,
                  std::chrono::milliseconds delay) -> Task<void> {
    co_await sleeper->sleep_for(delay);
    if (auto alive = weak.lock()) alive->state_->wake(*alive, of);
  };
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(after);
  boost::asio::co_spawn(executor_, later(gate.weak_from_this(), sleeper_, vault.first, delay), boost::asio::detached);
}

void CallGate::State::wake(CallGate& gate, const std::string& name) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto vault = vaults_.find(name);
    if (vault == vaults_.end()) return;
    vault->second.wake_is_set = false;
    resumes = let_through(gate, vault, clock_.steady());
  }
  run(resumes);
}

Result<CallGate::State::Queued> CallGate::State::queue(CallGate& gate, GateCall call) {
  Queued queued;
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto now = clock_.steady();
    auto vault = vaults_.try_emplace(call.vault, limits_).first;
    queued.waiter = std::make_shared<Waiter>(vault, std::move(call));
    if (!vault->second.queue.push(queued.waiter, now)) {
      return no_turn(vault->first, ": too many of this organisation's wait for one already");
    }
    resumes = let_through(gate, vault, now);
    queued.waits = queued.waiter->waits();
    sweep(vault->first, now);
  }
  run(resumes);
  return queued;
}

Task<bool> CallGate::State::wait(WaiterPtr waiter) {
  auto begin = [this, waiter](std::function<void()> resume) {
    {
      std::lock_guard lock(mutex_);
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

void CallGate::State::turn_away(const GateCall& call, const Error& error) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
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

Result<void> CallGate::State::conclude(CallGate& gate, const WaiterPtr& waiter) {
  std::string name;
  std::function<void()> resume;
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    if (waiter->is_in_flight()) return success();
    if (waiter->turned_away) return *waiter->turned_away;
    resume = std::move(waiter->resume);
    auto vault = waiter->vault;
    name = vault->first;
    vault->second.queue.withdraw(*waiter);
    // Background work may have waited for this very request to go.
    resumes = let_through(gate, vault, clock_.steady());
  }
  if (resume) resume();
  run(resumes);
  return no_turn(name, "");
}

void CallGate::State::leave(CallGate& gate, Waiter& waiter) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto vault = waiter.vault;
    vault->second.queue.finish(waiter);
    resumes = let_through(gate, vault, clock_.steady());
  }
  run(resumes);
}

CallGate::Pass::Pass(std::shared_ptr<CallGate> gate, std::shared_ptr<Waiter> waiter)
    : gate_(std::move(gate)), waiter_(std::move(waiter)) {}

CallGate::Pass::Pass(Pass&& other) noexcept : gate_(std::move(other.gate_)), waiter_(std::move(other.waiter_)) {}

CallGate::Pass& CallGate::Pass::operator=(Pass&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(waiter_, other.waiter_);
  return *this;
}

CallGate::Pass::~Pass() {
  if (gate_) gate_->state_->leave(*gate_, *waiter_);
}

CallGate::CallGate(std::unique_ptr<State> state) : state_(std::move(state)) {}
CallGate::~CallGate() = default;

std::shared_ptr<CallGate> CallGate::create(const Clock& clock, boost::asio::any_io_executor executor,
                                           std::shared_ptr<Sleeper> sleeper, GateLimits limits) {
  auto state = std::make_unique<State>(clock, std::move(executor), std::move(sleeper), limits);
  return std::shared_ptr<CallGate>(new CallGate(std::move(state)));
}

Task<Result<CallGate::Pass>> CallGate::enter(GateCall call, Deadline deadline) {
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

void CallGate::turn_away(const GateCall& call, const Error& error) {
  state_->turn_away(call, error);
}

GateLoad CallGate::load() const {
  return state_->load();
}

SteadyTime CallGate::now() const {
  return state_->clock().steady();
}

}  // namespace latchkey::kms
