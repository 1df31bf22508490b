// A gate before the customers' vaults: at most so many calls at once to one key and to one vault, at most so many begun
// in any ten seconds, and background work only where requests leave room. So a vault that hangs holds few of our
// connections and none of other tenants', and a vault's own limit (Key Vault: "service limits", transactions in 10 s)
// is not run into. Who does not get through waits inside of its own deadline. Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "kms/retrying_transport.hpp"

namespace latchkey::kms {

enum class CallKind {
  Request,     // somebody waits for it
  Background,  // rewrap and the like
};

struct GateLimits {
  unsigned per_key = 8;                      // in flight
  unsigned per_vault = 16;                   // in flight
  unsigned background_per_vault = 1;         // in flight, of those
  unsigned per_window = 900;                 // begun; background work takes half of it at most
  std::chrono::milliseconds window{10'000};  // any such stretch of time
  std::size_t waiting_per_vault = 20'000;    // more are turned away at once
};

// Over all vaults.
struct GateLoad {
  std::size_t in_flight = 0;
  std::size_t waiting = 0;
};

class CallGate : public std::enable_shared_from_this<CallGate> {
 public:
  // One call's leave to go on; given back when it goes.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&& other) noexcept;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass();

   private:
    friend class CallGate;
    Pass(std::shared_ptr<CallGate> gate, std::string vault, std::string key, CallKind kind);
    std::shared_ptr<CallGate> gate_;
    std::string vault_;
    std::string key_;
    CallKind kind_ = CallKind::Request;
  };

  // The clock outlives the gate and its passes.
  static std::shared_ptr<CallGate> create(const Clock& clock, boost::asio::any_io_executor executor,
                                          std::shared_ptr<Sleeper> sleeper, GateLimits limits);
  ~CallGate();
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  // KeyUnreachable (timed_out) where the deadline comes first, (throttled) where too many wait already; or what
  // turn_away was told.
  [[nodiscard]] Task<Result<Pass>> enter(std::string vault, std::string key, CallKind kind, Deadline deadline);
  // Gives this error to all who wait for this key now.
  void turn_away(const std::string& vault, const std::string& key, const Error& error);
  [[nodiscard]] SteadyTime now() const;
  [[nodiscard]] GateLoad load() const;

 private:
  class State;
  explicit CallGate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace latchkey::kms
