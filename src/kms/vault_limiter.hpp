// Limits the calls to customers' vaults: how many are in flight at once for one key and for one vault, and how many
// begin in any ten seconds. So a vault that hangs holds few of our connections and none of other tenants', and our
// calls stay below a vault's own limit (Key Vault: "service limits", transactions in 10 s). Thread-safe.
//
// Any organisation may name any vault. So the organisations that call one vault take turns, and the keys of one
// organisation do, too. No organisation may take all the room, and some room is for renewals alone, by which the server
// notices a revocation. Renewals go first; then the organisations in turn, each with its requests before its
// validations before its background work. A call that gets no turn within its own deadline fails with the reason
// no_turn: nobody asked the vault, so nothing is known of it.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "kms/retrying_transport.hpp"
#include "kms/vault_limits.hpp"

namespace latchkey::kms {

// The load of all vaults together.
struct VaultLoad {
  std::size_t in_flight = 0;
  std::size_t waiting = 0;
  std::size_t vaults = 0;  // those that the limiter remembers
};

// Who makes a call, and to which key.
struct VaultCall {
  std::string vault;         // kms::vault_host
  std::string organization;  // organisations take turns
  std::string key;           // a key of the organisation
  CallKind kind = CallKind::Request;
};

class VaultLimiter : public std::enable_shared_from_this<VaultLimiter> {
  struct Waiter;

 public:
  // Permits one call. Destroying it ends the call and lets the next one in.
  class Pass {
   public:
    Pass() = default;
    Pass(Pass&& other) noexcept;
    Pass& operator=(Pass&& other) noexcept;
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass();

   private:
    friend class VaultLimiter;
    Pass(std::shared_ptr<VaultLimiter> limiter, std::shared_ptr<Waiter> waiter);
    std::shared_ptr<VaultLimiter> limiter_;
    std::shared_ptr<Waiter> waiter_;
  };

  // The clock outlives the limiter and its passes.
  static std::shared_ptr<VaultLimiter> create(const Clock& clock, boost::asio::any_io_executor executor,
                                              std::shared_ptr<Sleeper> sleeper, VaultLimits limits);
  ~VaultLimiter();
  VaultLimiter(const VaultLimiter&) = delete;
  VaultLimiter& operator=(const VaultLimiter&) = delete;

  // Waits for the call's turn. KeyUnreachable (no_turn) where the deadline comes first or too many calls of the
  // organisation wait already; or the error that turn_away() was called with.
  [[nodiscard]] Task<Result<Pass>> enter(VaultCall call, Deadline deadline);
  // Ends the wait of every call to this key of this organisation that waits now, with this error.
  void turn_away(const VaultCall& call, const Error& error);
  [[nodiscard]] SteadyTime now() const;
  [[nodiscard]] VaultLoad load() const;

 private:
  class State;
  explicit VaultLimiter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace latchkey::kms
