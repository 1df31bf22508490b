#include "kms/call_gate.hpp"

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include "kms/patience.hpp"
#include "kms/reasons.hpp"

namespace latchkey::kms {

namespace {

struct Waiter {
  std::string key;
  CallKind kind;
  bool granted = false;
  bool gone = false;
  std::optional<Error> turned_away;
  std::function<void()> resume;
};
using WaiterPtr = std::shared_ptr<Waiter>;

struct Vault {
  std::list<WaiterPtr> waiting;
  std::deque<SteadyTime> begun;  // in the last window
  std::map<std::string, unsigned> in_flight_by_key;
  unsigned in_flight = 0;
  unsigned background = 0;
  bool wake_is_set = false;
};

Error turned_away(const std::string& vault, std::size_t waiting) {
  return Error{
      ErrorCode::KeyUnreachable,
      fmt::format("{} calls wait for {} already, more than it answers in time. Try again shortly", waiting, vault),
      std::string(reason::kThrottled), std::chrono::seconds(1)};
}

Error waited_in_vain(const std::string& vault) {
  return Error{ErrorCode::KeyUnreachable,
               fmt::format("there were more calls for {} than it answers, and this one's time ran out before it could "
                           "be made. Try again shortly",
                           vault),
               std::string(reason::kTimedOut), std::chrono::seconds(1)};
}

}  // namespace

class CallGate::State {
 public:
  State(const Clock& clock, boost::asio::any_io_executor executor, std::shared_ptr<Sleeper> sleeper, GateLimits limits)
      : clock_(clock), executor_(std::move(executor)), sleeper_(std::move(sleeper)), limits_(limits) {}

  using Resumes = std::vector<std::function<void()>>;
  // The waiter, let through already or not; an error where it was turned away.
  Result<WaiterPtr> queue(CallGate& gate, const std::string& vault, const std::string& key, CallKind kind);
  Task<bool> wait(WaiterPtr waiter);
  // To be called once the wait is over, for whatever reason: whether the waiter was let through.
  Result<void> conclude(const std::string& vault, const WaiterPtr& waiter);
  void turn_away(const std::string& vault, const std::string& key, const Error& error);
  void leave(CallGate& gate, const std::string& vault, const std::string& key, CallKind kind);
  void wake(CallGate& gate, const std::string& vault);

  [[nodiscard]] GateLoad load() const;
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  [[nodiscard]] bool admits(const Vault& vault, const Waiter& waiter, bool requests_wait) const;
  Resumes let_through(CallGate& gate, const std::string& name);
  void set_wake(CallGate& gate, const std::string& name, std::chrono::nanoseconds after);

  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Sleeper> sleeper_;
  GateLimits limits_;
  mutable std::mutex mutex_;  // over everything below
  std::map<std::string, Vault> vaults_;
};

GateLoad CallGate::State::load() const {
  std::lock_guard lock(mutex_);
  GateLoad load;
  for (const auto& [name, vault] : vaults_) {
    load.in_flight += vault.in_flight;
    load.waiting += vault.waiting.size();
  }
  return load;
}

bool CallGate::State::admits(const Vault& vault, const Waiter& waiter, bool requests_wait) const {
  if (vault.in_flight >= limits_.per_vault || vault.begun.size() >= limits_.per_window) return false;
  auto of_key = vault.in_flight_by_key.find(waiter.key);
  if (of_key != vault.in_flight_by_key.end() && of_key->second >= limits_.per_key) return false;
  if (waiter.kind == CallKind::Request) return true;
  return !requests_wait && vault.background < limits_.background_per_vault &&
         vault.begun.size() < limits_.per_window / 2;
}

// Everybody who may, in the order in which they came. To be called with the mutex held; the resumes without.
CallGate::State::Resumes CallGate::State::let_through(CallGate& gate, const std::string& name) {
  Resumes resumes;
  auto& vault = vaults_[name];
  auto now = clock_.steady();
  while (!vault.begun.empty() && now - vault.begun.front() >= limits_.window) vault.begun.pop_front();
  bool requests_wait = false;
  for (auto at = vault.waiting.begin(); at != vault.waiting.end();) {
    auto& waiter = **at;
    if (!admits(vault, waiter, requests_wait)) {
      requests_wait = requests_wait || waiter.kind == CallKind::Request;
      if (vault.in_flight >= limits_.per_vault || vault.begun.size() >= limits_.per_window) break;
      ++at;
      continue;
    }
    ++vault.in_flight;
    ++vault.in_flight_by_key[waiter.key];
    vault.background += waiter.kind == CallKind::Background ? 1 : 0;
    vault.begun.push_back(now);
    waiter.granted = true;
    if (waiter.resume) resumes.push_back(std::move(waiter.resume));
    at = vault.waiting.erase(at);
  }
  // Who waits for a call to end is let through by it; who waits for the window, by time alone.
  if (!vault.waiting.empty() && !vault.begun.empty() && vault.begun.size() >= limits_.per_window / 2) {
    set_wake(gate, name, vault.begun.front() + limits_.window - now);
  } else if (vault.waiting.empty() && vault.in_flight == 0 && vault.begun.empty()) {
    vaults_.erase(name);
  }
  return resumes;
}

void CallGate::State::set_wake(CallGate& gate, const std::string& name, std::chrono::nanoseconds after) {
  auto& vault = vaults_[name];
  if (std::exchange(vault.wake_is_set, true)) return;
  auto later = [](std::weak_ptr<CallGate> weak, std::shared_ptr<Sleeper> sleeper, std::string of,
                  std::chrono::milliseconds delay) -> Task<void> {
    co_await sleeper->sleep_for(delay);
    if (auto alive = weak.lock()) alive->state_->wake(*alive, of);
  };
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(after);
  boost::asio::co_spawn(executor_, later(gate.weak_from_this(), sleeper_, name, delay), boost::asio::detached);
}

void CallGate::State::wake(CallGate& gate, const std::string& name) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto vault = vaults_.find(name);
    if (vault == vaults_.end()) return;
    vault->second.wake_is_set = false;
    resumes = let_through(gate, name);
  }
  for (auto& resume : resumes) resume();
}

Result<WaiterPtr> CallGate::State::queue(CallGate& gate, const std::string& name, const std::string& key,
                                         CallKind kind) {
  auto waiter = std::make_shared<Waiter>(Waiter{key, kind, false, false, {}, {}});
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto& vault = vaults_[name];
    if (vault.waiting.size() >= limits_.waiting_per_vault) return turned_away(name, vault.waiting.size());
    vault.waiting.push_back(waiter);
    resumes = let_through(gate, name);
  }
  for (auto& resume : resumes) resume();
  return waiter;
}

Task<bool> CallGate::State::wait(WaiterPtr waiter) {
  auto begin = [this, waiter](std::function<void()> resume) {
    {
      std::lock_guard lock(mutex_);
      if (!waiter->granted && !waiter->gone) {
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

void CallGate::State::turn_away(const std::string& name, const std::string& key, const Error& error) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto vault = vaults_.find(name);
    if (vault == vaults_.end()) return;
    std::erase_if(vault->second.waiting, [&](const WaiterPtr& waiter) {
      if (waiter->key != key) return false;
      waiter->gone = true;
      waiter->turned_away = error;
      if (waiter->resume) resumes.push_back(std::move(waiter->resume));
      return true;
    });
  }
  for (auto& resume : resumes) resume();
}

Result<void> CallGate::State::conclude(const std::string& name, const WaiterPtr& waiter) {
  std::function<void()> resume;
  {
    std::lock_guard lock(mutex_);
    if (waiter->granted) return success();
    if (waiter->turned_away) return *waiter->turned_away;
    waiter->gone = true;
    resume = std::move(waiter->resume);
    auto vault = vaults_.find(name);
    if (vault != vaults_.end()) vault->second.waiting.remove(waiter);
  }
  if (resume) resume();
  return waited_in_vain(name);
}

void CallGate::State::leave(CallGate& gate, const std::string& name, const std::string& key, CallKind kind) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto& vault = vaults_[name];
    --vault.in_flight;
    if (--vault.in_flight_by_key[key] == 0) vault.in_flight_by_key.erase(key);
    vault.background -= kind == CallKind::Background ? 1 : 0;
    resumes = let_through(gate, name);
  }
  for (auto& resume : resumes) resume();
}

CallGate::Pass::Pass(std::shared_ptr<CallGate> gate, std::string vault, std::string key, CallKind kind)
    : gate_(std::move(gate)), vault_(std::move(vault)), key_(std::move(key)), kind_(kind) {}

CallGate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      vault_(std::move(other.vault_)),
      key_(std::move(other.key_)),
      kind_(other.kind_) {}

CallGate::Pass& CallGate::Pass::operator=(Pass&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(vault_, other.vault_);
  std::swap(key_, other.key_);
  std::swap(kind_, other.kind_);
  return *this;
}

CallGate::Pass::~Pass() {
  if (gate_) gate_->state_->leave(*gate_, vault_, key_, kind_);
}

CallGate::CallGate(std::unique_ptr<State> state) : state_(std::move(state)) {}
CallGate::~CallGate() = default;

std::shared_ptr<CallGate> CallGate::create(const Clock& clock, boost::asio::any_io_executor executor,
                                           std::shared_ptr<Sleeper> sleeper, GateLimits limits) {
  auto state = std::make_unique<State>(clock, std::move(executor), std::move(sleeper), limits);
  return std::shared_ptr<CallGate>(new CallGate(std::move(state)));
}

Task<Result<CallGate::Pass>> CallGate::enter(std::string vault, std::string key, CallKind kind, Deadline deadline) {
  auto self = shared_from_this();
  LATCHKEY_CO_TRY(auto waiter, state_->queue(*this, vault, key, kind));
  std::function<Task<bool>()> work = [self, waiter] { return self->state_->wait(waiter); };
  (void)co_await wait_at_most(state_->executor(), deadline - state_->clock().steady(), std::move(work));
  LATCHKEY_CO_TRYV(state_->conclude(vault, waiter));
  co_return Pass(std::move(self), std::move(vault), std::move(key), kind);
}

void CallGate::turn_away(const std::string& vault, const std::string& key, const Error& error) {
  state_->turn_away(vault, key, error);
}

GateLoad CallGate::load() const {
  return state_->load();
}

SteadyTime CallGate::now() const {
  return state_->clock().steady();
}

}  // namespace latchkey::kms
