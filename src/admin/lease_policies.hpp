// How long data keys may be held: the server's ages, or an organisation's own.
#pragma once

#include "admin/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/compartment.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

inline constexpr std::chrono::milliseconds kLeastSoft = std::chrono::seconds(1);
inline constexpr std::chrono::milliseconds kMostHard = std::chrono::hours(24);

// Invalid, with the field to correct, where soft is below kLeastSoft, hard below soft or above kMostHard.
[[nodiscard]] Result<void> check_lease_ages(const keyring::LeaseAges& ages, std::string_view soft_name,
                                            std::string_view hard_name);

struct LeasePolicy {
  keyring::LeaseAges ages;
  bool inherited = true;  // the server's
};

// Every operation: errors of the store besides those named.
class LeasePolicies {
 public:
  // `defaults`: the server's own. The references outlive it.
  LeasePolicies(store::Store& store, const Clock& clock, RandomSource& random, keyring::LeaseAges defaults)
      : store_(store), clock_(clock), random_(random), defaults_(defaults) {}
  [[nodiscard]] Task<Result<LeasePolicy>> get(Caller caller);
  // Takes effect with the next request. Invalid as check_lease_ages.
  [[nodiscard]] Task<Result<LeasePolicy>> set(Caller caller, keyring::LeaseAges ages);
  // Back to the server's.
  [[nodiscard]] Task<Result<LeasePolicy>> reset(Caller caller);
  // By which leases under the platform's own key go, whatever the organisation set.
  [[nodiscard]] const keyring::LeaseAges& server_ages() const { return defaults_; }

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  keyring::LeaseAges defaults_;
};

}  // namespace latchkey::admin
