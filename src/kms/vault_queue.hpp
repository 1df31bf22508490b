// One vault's budget and queue: which calls are in flight, how many began in the last window, which calls wait, and
// whose turn is next. Pure bookkeeping: the caller passes the time, and nothing here waits or wakes anybody. The
// VaultLimiter does both, and its header says what the rules are for. Not thread-safe.
//
// A call is in one of three states. push() makes it wait, or puts it in flight at once where nobody else waits;
// admit() puts those in flight whose turn it is; finish() ends a call in flight, and withdraw() and drop() end calls
// that wait. Nothing else changes a call's state.
#pragma once

#include <array>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "kms/vault_limits.hpp"

namespace latchkey::kms {

class VaultQueue {
 public:
  class Call;
  using CallPtr = std::shared_ptr<Call>;

  // `limits` outlives the queue.
  explicit VaultQueue(const VaultLimits& limits) : limits_(limits) {}
  VaultQueue(const VaultQueue&) = delete;
  VaultQueue& operator=(const VaultQueue&) = delete;

  // Takes a call that is neither waiting nor in flight. False where too many calls of its organisation wait already;
  // the call is then still neither.
  [[nodiscard]] bool push(const CallPtr& call, SteadyTime now);

  struct Admitted {
    std::vector<CallPtr> calls;  // they waited, and are in flight now
    // When the window has room again. Set where a call waits for that alone, so that no call that ends lets it through.
    std::optional<SteadyTime> next_room;
  };
  [[nodiscard]] Admitted admit(SteadyTime now);

  void finish(Call& call);
  void withdraw(Call& call);
  // Ends the wait of all calls to this key of this organisation, and returns them.
  [[nodiscard]] std::vector<CallPtr> drop(const std::string& organization, const std::string& key);

  // True where no call waits, is in flight or began in the last window, so that the queue is like a new one.
  [[nodiscard]] bool is_idle(SteadyTime now);
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }

 private:
  template <class T>
  using ByKind = std::array<T, kCallKinds>;

  // One of an organisation's keys, for as long as its calls wait or are in flight.
  struct Key {
    const std::string* name = nullptr;  // where Organization::keys has it
    ByKind<std::list<CallPtr>> waiting;
    ByKind<std::list<Key*>::iterator> turn;  // valid for kinds of which any call waits
    unsigned in_flight = 0;
  };
  // An organisation, for as long as its calls wait, are in flight, or have begun in the last window.
  struct Organization {
    const std::string* name = nullptr;  // where organizations_ has it
    std::unordered_map<std::string, Key> keys;
    ByKind<std::list<Key*>> turns;            // the keys for which calls of that kind wait, in order
    std::list<Organization*>::iterator turn;  // valid while any call waits
    std::size_t waiting = 0;
    unsigned in_flight = 0;
    unsigned begun = 0;  // in the last window
  };
  struct Begun {
    SteadyTime when;
    Organization* organization;
    CallKind kind;
  };
  enum class Room { Free, InFlight, Window };
  struct Next {
    Call* call = nullptr;
    bool waits_for_window = false;
  };

  [[nodiscard]] Room room(const Organization& organization, CallKind kind) const;
  [[nodiscard]] Next next() const;
  [[nodiscard]] Next next_of(const Organization& organization, CallKind kind) const;
  [[nodiscard]] Next next_after_renewals(const Organization& organization) const;
  void enqueue(const CallPtr& call);
  [[nodiscard]] CallPtr dequeue(Call& call);
  void pass_turn(const Call& call);
  void begin(Call& call, SteadyTime now);
  void expire(SteadyTime now);
  void forget_if_idle(Organization& organization, Key& key);
  void forget_if_idle(Organization& organization);

  const VaultLimits& limits_;
  std::unordered_map<std::string, Organization> organizations_;
  std::list<Organization*> turns_;  // those whose calls wait, in order
  std::deque<Begun> begun_;         // in the last window, the oldest first
  ByKind<unsigned> begun_by_kind_{};
  ByKind<unsigned> in_flight_by_kind_{};
  unsigned in_flight_ = 0;
  std::size_t renewals_waiting_ = 0;
  std::size_t waiting_ = 0;
};

// A caller may derive from it to keep data of its own with the call, and finds that object again in Admitted::calls.
class VaultQueue::Call {
 public:
  Call(std::string organization, std::string key, CallKind kind)
      : organization_name_(std::move(organization)), key_name_(std::move(key)), kind_(kind) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] bool waits() const { return state_ == State::Waiting; }
  [[nodiscard]] bool is_in_flight() const { return state_ == State::InFlight; }

 private:
  friend class VaultQueue;
  enum class State { Idle, Waiting, InFlight };

  std::string organization_name_;
  std::string key_name_;
  CallKind kind_;
  State state_ = State::Idle;
  // Set while the call is not idle.
  Organization* organization_ = nullptr;
  Key* key_ = nullptr;
  std::list<CallPtr>::iterator place_;  // while it waits
};

}  // namespace latchkey::kms
