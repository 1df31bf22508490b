// The limiter stands before the customers' vaults. It allows at most so many calls at once to one key and to one vault,
// and at most so many begun in any ten seconds. So a vault that hangs holds few of our connections and none of other
// tenants', and a vault's own limit (Key Vault: "service limits", transactions in 10 s) is not run into. Thread-safe.
//
// Any organisation may name any vault. So inside of a vault the organisations take turns, and within one its keys; a
// part of all room is kept from any one organisation, and a part for renewals, by which a revocation is noticed.
// Renewals go first; then the organisations in turn, each with its requests before its validations before its
// background work. Who does not get his turn within his own deadline is told so, with a reason of its own (no_turn):
// the vault was not asked, and nothing is known of it.
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

// Over all vaults.
struct VaultLoad {
  std::size_t in_flight = 0;
  std::size_t waiting = 0;
  std::size_t vaults = 0;  // that are remembered
};

// Whose call it is, and to what.
struct VaultCall {
  std::string vault;         // kms::vault_host
  std::string organization;  // organisations take turns
  std::string key;           // of the organisation's
  CallKind kind = CallKind::Request;
};

class VaultLimiter : public std::enable_shared_from_this<VaultLimiter> {
  struct Waiter;

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

  // KeyUnreachable (no_turn) where the deadline comes first or too many of the organisation's wait already; or what
  // turn_away was told.
  [[nodiscard]] Task<Result<Pass>> enter(VaultCall call, Deadline deadline);
  // Gives this error to all who wait for this key of this organisation now.
  void turn_away(const VaultCall& call, const Error& error);
  [[nodiscard]] SteadyTime now() const;
  [[nodiscard]] VaultLoad load() const;

 private:
  class State;
  explicit VaultLimiter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace latchkey::kms
