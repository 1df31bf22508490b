// How long a lease of a data key may last: by the server's ages, or by an organisation's own.
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
// The longest soft age that an organisation may set, unless the operator says otherwise.
inline constexpr std::chrono::milliseconds kDefaultMostSoft = std::chrono::minutes(5);

// Invalid, with the field to correct, where soft is below kLeastSoft, or hard is below soft or above kMostHard.
[[nodiscard]] Result<void> check_lease_ages(const keyring::LeaseAges& ages, std::string_view soft_name,
                                            std::string_view hard_name);

// The ages that apply where an organisation set `ages` and the operator allows no soft age above `most_soft`. Bridging
// stays switched off where it was.
[[nodiscard]] keyring::LeaseAges allowed_ages(keyring::LeaseAges ages, std::chrono::milliseconds most_soft);

struct LeasePolicy {
  keyring::LeaseAges ages;
  bool inherited = true;  // the server's
};

// Every operation also returns errors of the store.
class LeasePolicies {
 public:
  // `defaults` are the server's own ages, which are always allowed. The references outlive the object.
  LeasePolicies(store::Store& store, const Clock& clock, RandomSource& random, keyring::LeaseAges defaults,
                std::chrono::milliseconds most_soft = kDefaultMostSoft)
      : store_(store),
        clock_(clock),
        random_(random),
        defaults_(defaults),
        most_soft_(std::max(most_soft, defaults.soft)) {}
  // The ages that apply, even where the organisation set longer ones before the operator allowed less.
  [[nodiscard]] Task<Result<LeasePolicy>> get(audit::Caller caller);
  // Takes effect with the next request. Invalid as in check_lease_ages, and where soft is above the operator's bound.
  [[nodiscard]] Task<Result<LeasePolicy>> set(audit::Caller caller, keyring::LeaseAges ages);
  // Goes back to the server's ages.
  [[nodiscard]] Task<Result<LeasePolicy>> reset(audit::Caller caller);
  // The ages of leases under the platform's own key, whatever the organisation set.
  [[nodiscard]] const keyring::LeaseAges& server_ages() const { return defaults_; }

 private:
  store::Store& store_;
  const Clock& clock_;
  RandomSource& random_;
  keyring::LeaseAges defaults_;
  std::chrono::milliseconds most_soft_;
};

}  // namespace latchkey::admin
