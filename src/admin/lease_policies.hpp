// How long data keys may be held: the server's ages, or an organisation's own.
#pragma once

#include <algorithm>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "keyring/compartment.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

inline constexpr std::chrono::milliseconds kLeastSoft = std::chrono::seconds(1);
inline constexpr std::chrono::milliseconds kMostHard = std::chrono::hours(24);
// What an organisation may set soft to, unless the operator says otherwise.
inline constexpr std::chrono::milliseconds kDefaultMostSoft = std::chrono::minutes(5);

// Invalid, with the field to correct, where soft is below kLeastSoft, hard below soft or above kMostHard.
[[nodiscard]] Result<void> check_lease_ages(const keyring::LeaseAges& ages, std::string_view soft_name,
                                            std::string_view hard_name);

// What holds of an organisation's ages where the operator allows no longer soft than `most_soft`. Bridging stays
// switched off where it was.
[[nodiscard]] keyring::LeaseAges allowed_ages(keyring::LeaseAges ages, std::chrono::milliseconds most_soft);

struct LeasePolicy {
  keyring::LeaseAges ages;
  bool inherited = true;  // the server's
};

// Every operation: errors of the store besides those named.
class LeasePolicies {
 public:
  // `defaults`: the server's own, which are allowed in any case. The references outlive it.
  LeasePolicies(store::Store& store, const Clock& clock, RandomSource& random, keyring::LeaseAges defaults,
                std::chrono::milliseconds most_soft = kDefaultMostSoft)
      : store_(store),
        clock_(clock),
        random_(random),
        defaults_(defaults),
        most_soft_(std::max(most_soft, defaults.soft)) {}
  // What holds, also where more was set before the operator allowed less.
  [[nodiscard]] Task<Result<LeasePolicy>> get(audit::Caller caller);
  // Takes effect with the next request. Invalid as check_lease_ages, and where soft is above the operator's bound.
  [[nodiscard]] Task<Result<LeasePolicy>> set(audit::Caller caller, keyring::LeaseAges ages);
  // Back to the server's.
  [[nodiscard]] Task<Result<LeasePolicy>> reset(audit::Caller caller);
  // By which leases under the platform's own key go, whatever the organisation set.
  [[nodiscard]] const keyring::LeaseAges& server_ages() const { return defaults_; }

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  keyring::LeaseAges defaults_;
  std::chrono::milliseconds most_soft_;
};

}  // namespace latchkey::admin
