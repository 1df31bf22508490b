#include "kms/call_gate.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "kms/patience.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::kms {

namespace {

struct Waiter {
  GateCall call;
  bool granted = false;
  bool gone = false;
  std::optional<Error> turned_away;
  std::function<void()> resume;
};
using WaiterPtr = std::shared_ptr<Waiter>;

// One organisation's calls of one kind: its keys take turns.
struct Lane {
  std::list<std::string> turns;
  std::map<std::string, std::deque<WaiterPtr>> waiting;  // by key; none is empty
};

struct Organization {
  std::array<Lane, kCallKinds> lanes;
  std::map<std::string, unsigned> in_flight_by_key;
  std::size_t waiting = 0;
  unsigned in_flight = 0;
  unsigned begun = 0;  // in the last window
};

struct Begun {
  SteadyTime when;
  std::string organization;
  CallKind kind;
};

struct Vault {
  std::map<std::string, Organization> organizations;
  std::list<std::string> turns;  // of those that wait
  std::deque<Begun> begun;       // in the last window
  std::array<unsigned, kCallKinds> begun_by_kind{};
  std::array<unsigned, kCallKinds> in_flight_by_kind{};
  unsigned in_flight = 0;
  std::size_t waiting = 0;
  bool wake_is_set = false;
};

// Every other kind's, in this order, once an organisation has its turn.
constexpr std::array kAfterRenewals{CallKind::Request, CallKind::Validation, CallKind::Background};
// So many other vaults are looked at for each call: more than there are new ones.
constexpr int kSwept = 2;

constexpr std::size_t index(CallKind kind) {
  return static_cast<std::size_t>(kind);
}

Error no_turn(const std::string& vault, std::string_view note) {
  Facts facts;
  facts.host = vault;
  facts.note = note;
  auto error = reason_error(reason::kNoTurn, facts);
  error.retry_after = std::chrono::seconds(1);
  return error;
}

}  // namespace

class CallGate::State {
 public:
  State(const Clock& clock, boost::asio::any_io_executor executor, std::shared_ptr<Sleeper> sleeper, GateLimits limits)
      : clock_(clock), executor_(std::move(executor)), sleeper_(std::move(sleeper)), limits_(limits) {}

  using Resumes = std::vector<std::function<void()>>;
  // The waiter, let through already or not; an error where it was turned away.
  Result<WaiterPtr> queue(CallGate& gate, const GateCall& call);
  Task<bool> wait(WaiterPtr waiter);
  // To be called once the wait is over, for whatever reason: whether the waiter was let through.
  Result<void> conclude(CallGate& gate, const WaiterPtr& waiter);
  void turn_away(const GateCall& call, const Error& error);
  void leave(CallGate& gate, const GateCall& call);
  void wake(CallGate& gate, const std::string& vault);

  [[nodiscard]] GateLoad load() const;
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] const GateLimits& limits() const { return limits_; }
  [[nodiscard]] const boost::asio::any_io_executor& executor() const { return executor_; }

 private:
  // What is left of a budget for one kind of call, and for one organisation.
  enum class Room { Free, InFlight, Window };
  [[nodiscard]] Room room(const Vault& vault, const Organization& organization, CallKind kind) const;
  [[nodiscard]] WaiterPtr take(Vault& vault, Organization& organization, CallKind kind, bool& by_window);
  [[nodiscard]] WaiterPtr take_next(Vault& vault, bool& by_window);
  [[nodiscard]] Resumes let_through(CallGate& gate, const std::string& name);
  void expire(Vault& vault) const;
  void sweep(const std::string& busy);
  void set_wake(CallGate& gate, const std::string& name, std::chrono::nanoseconds after);

  const Clock& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Sleeper> sleeper_;
  GateLimits limits_;
  mutable std::mutex mutex_;  // over everything below
  std::map<std::string, Vault> vaults_;
  std::string swept_;  // up to here
};

namespace {

void forget_if_idle(Vault& vault, const std::string& name) {
  auto found = vault.organizations.find(name);
  if (found == vault.organizations.end()) return;
  const auto& [lanes, by_key, waiting, in_flight, begun] = found->second;
  if (waiting == 0 && in_flight == 0 && begun == 0) vault.organizations.erase(found);
}

void remove(Vault& vault, const std::string& name, std::size_t count) {
  auto& organization = vault.organizations.at(name);
  organization.waiting -= count;
  vault.waiting -= count;
  if (organization.waiting == 0) vault.turns.remove(name);
  forget_if_idle(vault, name);
}

void drop_key(Lane& lane, const std::string& key) {
  lane.waiting.erase(key);
  lane.turns.remove(key);
}

}  // namespace

GateLoad CallGate::State::load() const {
  std::lock_guard lock(mutex_);
  GateLoad load;
  load.vaults = vaults_.size();
  for (const auto& [name, vault] : vaults_) {
    load.in_flight += vault.in_flight;
    load.waiting += vault.waiting;
  }
  return load;
}

CallGate::State::Room CallGate::State::room(const Vault& vault, const Organization& organization, CallKind kind) const {
  bool renewal = kind == CallKind::Renewal;
  auto free = [&](unsigned all, unsigned of_all, unsigned of_renewals, unsigned of_organization, unsigned of_kind) {
    if (of_all >= all || of_organization >= all - all / 4) return false;
    if (!renewal && of_all - of_renewals >= all - all / 8) return false;
    return kind != CallKind::Validation || of_kind < std::max(all / 4, 1U);
  };
  auto renewals = index(CallKind::Renewal);
  if (!free(limits_.per_window, static_cast<unsigned>(vault.begun.size()), vault.begun_by_kind[renewals],
            organization.begun, vault.begun_by_kind[index(kind)])) {
    return Room::Window;
  }
  if (kind == CallKind::Background && vault.begun.size() >= limits_.per_window / 2) return Room::Window;
  if (!free(limits_.per_vault, vault.in_flight, vault.in_flight_by_kind[renewals], organization.in_flight,
            vault.in_flight_by_kind[index(kind)])) {
    return Room::InFlight;
  }
  bool background = kind == CallKind::Background;
  return background && vault.in_flight_by_kind[index(kind)] >= limits_.background_per_vault ? Room::InFlight
                                                                                            : Room::Free;
}

// The first of the organisation's that may go, taken out of its lane; null where none may.
WaiterPtr CallGate::State::take(Vault& vault, Organization& organization, CallKind kind, bool& by_window) {
  auto& lane = organization.lanes[index(kind)];
  if (lane.turns.empty()) return nullptr;
  auto left = room(vault, organization, kind);
  by_window = by_window || left == Room::Window;
  if (left != Room::Free) return nullptr;
  for (auto key = lane.turns.begin(); key != lane.turns.end(); ++key) {
    auto busy = organization.in_flight_by_key.find(*key);
    if (busy != organization.in_flight_by_key.end() && busy->second >= limits_.per_key) continue;
    auto& queue = lane.waiting.at(*key);
    auto waiter = std::move(queue.front());
    queue.pop_front();
    if (queue.empty()) {
      lane.waiting.erase(*key);
      lane.turns.erase(key);
    } else {
      lane.turns.splice(lane.turns.end(), lane.turns, key);
    }
    return waiter;
  }
  return nullptr;
}

WaiterPtr CallGate::State::take_next(Vault& vault, bool& by_window) {
  auto taken = [&](auto turn, WaiterPtr waiter) {
    vault.turns.splice(vault.turns.end(), vault.turns, turn);
    return waiter;
  };
  for (auto turn = vault.turns.begin(); turn != vault.turns.end(); ++turn) {
    auto waiter = take(vault, vault.organizations.at(*turn), CallKind::Renewal, by_window);
    if (waiter) return taken(turn, std::move(waiter));
  }
  for (auto turn = vault.turns.begin(); turn != vault.turns.end(); ++turn) {
    auto& organization = vault.organizations.at(*turn);
    for (auto kind : kAfterRenewals) {
      bool requests_wait = !organization.lanes[index(CallKind::Request)].turns.empty();
      if (kind == CallKind::Background && requests_wait) continue;
      auto waiter = take(vault, organization, kind, by_window);
      if (waiter) return taken(turn, std::move(waiter));
    }
  }
  return nullptr;
}

void CallGate::State::expire(Vault& vault) const {
  auto now = clock_.steady();
  while (!vault.begun.empty() && now - vault.begun.front().when >= limits_.window) {
    auto& first = vault.begun.front();
    --vault.begun_by_kind[index(first.kind)];
    --vault.organizations.at(first.organization).begun;
    forget_if_idle(vault, first.organization);
    vault.begun.pop_front();
  }
}

// Everybody who may. To be called with the mutex held; the resumes without.
CallGate::State::Resumes CallGate::State::let_through(CallGate& gate, const std::string& name) {
  Resumes resumes;
  auto& vault = vaults_[name];
  expire(vault);
  bool by_window = false;
  while (auto waiter = take_next(vault, by_window)) {
    const auto& call = waiter->call;
    auto& organization = vault.organizations.at(call.organization);
    ++vault.in_flight;
    ++vault.in_flight_by_kind[index(call.kind)];
    ++organization.in_flight;
    ++organization.in_flight_by_key[call.key];
    vault.begun.push_back({clock_.steady(), call.organization, call.kind});
    ++vault.begun_by_kind[index(call.kind)];
    ++organization.begun;
    remove(vault, call.organization, 1);
    waiter->granted = true;
    if (waiter->resume) resumes.push_back(std::move(waiter->resume));
    by_window = false;
  }
  // Who waits for a call to end is let through by it; who waits for the window, by time alone.
  if (by_window && !vault.begun.empty()) {
    set_wake(gate, name, vault.begun.front().when + limits_.window - clock_.steady());
  } else if (vault.organizations.empty()) {
    vaults_.erase(name);
  }
  return resumes;
}

// Forgets vaults whose last window is over: nothing of theirs would ever wake us.
void CallGate::State::sweep(const std::string& busy) {
  for (int i = 0; i < kSwept && !vaults_.empty(); ++i) {
    auto vault = vaults_.upper_bound(swept_);
    if (vault == vaults_.end()) vault = vaults_.begin();
    swept_ = vault->first;
    if (vault->first == busy) continue;
    expire(vault->second);
    if (vault->second.organizations.empty()) vaults_.erase(vault);
  }
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

Result<WaiterPtr> CallGate::State::queue(CallGate& gate, const GateCall& call) {
  auto waiter = std::make_shared<Waiter>(Waiter{call, false, false, {}, {}});
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto& vault = vaults_[call.vault];
    auto& organization = vault.organizations[call.organization];
    // Renewals are few, one a key version, and what they find out concerns what is served.
    if (call.kind != CallKind::Renewal && organization.waiting >= limits_.waiting_per_organization) {
      return no_turn(call.vault, ": too many of this organisation's wait for one already");
    }
    if (organization.waiting++ == 0) vault.turns.push_back(call.organization);
    ++vault.waiting;
    auto& lane = organization.lanes[index(call.kind)];
    auto& queue = lane.waiting[call.key];
    if (queue.empty()) lane.turns.push_back(call.key);
    queue.push_back(waiter);
    resumes = let_through(gate, call.vault);
    sweep(call.vault);
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

void CallGate::State::turn_away(const GateCall& call, const Error& error) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto vault = vaults_.find(call.vault);
    if (vault == vaults_.end()) return;
    auto organization = vault->second.organizations.find(call.organization);
    if (organization == vault->second.organizations.end()) return;
    std::size_t count = 0;
    for (auto& lane : organization->second.lanes) {
      auto queue = lane.waiting.find(call.key);
      if (queue == lane.waiting.end()) continue;
      for (auto& waiter : queue->second) {
        waiter->gone = true;
        waiter->turned_away = error;
        if (waiter->resume) resumes.push_back(std::move(waiter->resume));
      }
      count += queue->second.size();
      drop_key(lane, call.key);
    }
    remove(vault->second, call.organization, count);
  }
  for (auto& resume : resumes) resume();
}

Result<void> CallGate::State::conclude(CallGate& gate, const WaiterPtr& waiter) {
  const auto& call = waiter->call;
  std::function<void()> resume;
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    if (waiter->granted) return success();
    if (waiter->turned_away) return *waiter->turned_away;
    waiter->gone = true;
    resume = std::move(waiter->resume);
    auto& vault = vaults_.at(call.vault);
    auto& lane = vault.organizations.at(call.organization).lanes[index(call.kind)];
    auto& queue = lane.waiting.at(call.key);
    std::erase(queue, waiter);
    if (queue.empty()) drop_key(lane, call.key);
    remove(vault, call.organization, 1);
    // Background work may have waited for this very request to go.
    resumes = let_through(gate, call.vault);
  }
  if (resume) resume();
  for (auto& each : resumes) each();
  return no_turn(call.vault, "");
}

void CallGate::State::leave(CallGate& gate, const GateCall& call) {
  Resumes resumes;
  {
    std::lock_guard lock(mutex_);
    auto& vault = vaults_.at(call.vault);
    auto& organization = vault.organizations.at(call.organization);
    --vault.in_flight;
    --vault.in_flight_by_kind[index(call.kind)];
    --organization.in_flight;
    auto of_key = organization.in_flight_by_key.find(call.key);
    if (--of_key->second == 0) organization.in_flight_by_key.erase(of_key);
    resumes = let_through(gate, call.vault);
  }
  for (auto& resume : resumes) resume();
}

CallGate::Pass::Pass(std::shared_ptr<CallGate> gate, GateCall call) : gate_(std::move(gate)), call_(std::move(call)) {}

CallGate::Pass::Pass(Pass&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)), call_(std::move(other.call_)) {}

CallGate::Pass& CallGate::Pass::operator=(Pass&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(call_, other.call_);
  return *this;
}

CallGate::Pass::~Pass() {
  if (gate_) gate_->state_->leave(*gate_, call_);
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
  LATCHKEY_CO_TRY(auto waiter, state_->queue(*this, call));
  std::function<Task<bool>()> work = [self, waiter] { return self->state_->wait(waiter); };
  (void)co_await wait_at_most(state_->executor(), deadline - now, std::move(work));
  LATCHKEY_CO_TRYV(state_->conclude(*this, waiter));
  co_return Pass(std::move(self), std::move(call));
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
