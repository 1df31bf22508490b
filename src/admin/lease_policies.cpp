#include "admin/lease_policies.hpp"

#include <fmt/format.h>

#include "admin/activity.hpp"

namespace latchkey::admin {

namespace {

boost::json::object details_of(const LeasePolicy& policy) {
  return {
      {"soft_ms", policy.ages.soft.count()}, {"hard_ms", policy.ages.hard.count()}, {"inherited", policy.inherited}};
}

}  // namespace

Result<void> check_lease_ages(const keyring::LeaseAges& ages, std::string_view soft_name, std::string_view hard_name) {
  auto refuse = [](std::string message) { return Error{ErrorCode::Invalid, std::move(message)}; };
  if (ages.soft < kLeastSoft) return refuse(fmt::format("{} must be at least 1s", soft_name));
  if (ages.hard < ages.soft) {
    return refuse(fmt::format("{} must not be below {}; set it equal to switch the bridging of outages off", hard_name,
                              soft_name));
  }
  if (ages.hard > kMostHard) return refuse(fmt::format("{} must be at most 24h", hard_name));
  return success();
}

Task<Result<LeasePolicy>> LeasePolicies::get(Caller caller) {
  auto find = [organization = caller.organization](store::Transaction& tx) {
    return tx.find_lease_policy(organization);
  };
  LATCHKEY_CO_TRY(auto row, co_await store_.read(std::move(find)));
  if (!row) co_return LeasePolicy{defaults_, true};
  co_return LeasePolicy{{row->soft, row->hard}, false};
}

Task<Result<LeasePolicy>> LeasePolicies::set(Caller caller, keyring::LeaseAges ages) {
  LATCHKEY_CO_TRYV(check_lease_ages(ages, "soft_seconds", "hard_seconds"));
  LeasePolicy policy{ages, false};
  auto write = [this, caller, policy](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.put(store::LeasePolicy{caller.organization, policy.ages.soft, policy.ages.hard}));
    return record_activity(tx, clock_, random_, caller, "org_lease_policy_updated", details_of(policy));
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(write)));
  co_return policy;
}

Task<Result<LeasePolicy>> LeasePolicies::reset(Caller caller) {
  LeasePolicy policy{defaults_, true};
  auto write = [this, caller, policy](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.erase_lease_policy(caller.organization));
    return record_activity(tx, clock_, random_, caller, "org_lease_policy_updated", details_of(policy));
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(write)));
  co_return policy;
}

}  // namespace latchkey::admin
