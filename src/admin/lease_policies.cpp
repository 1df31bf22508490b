#include "admin/lease_policies.hpp"

#include <fmt/format.h>

#include "audit/activity_log.hpp"

namespace latchkey::admin {

namespace {

boost::json::object details_of(const LeasePolicy& policy) {
  return {
      {"soft_ms", policy.ages.soft.count()}, {"hard_ms", policy.ages.hard.count()}, {"inherited", policy.inherited}};
}

Result<void> check_most_soft(std::chrono::milliseconds soft, std::chrono::milliseconds most_soft) {
  if (soft <= most_soft) return success();
  auto most = static_cast<double>(most_soft.count()) / 1000;
  return Error{ErrorCode::Invalid,
               fmt::format("soft_seconds must be at most {} on this server: a revocation would take longer to work "
                           "than its operator allows (keyring.most_soft)",
                           most),
               {},
               fmt::format("Set {} or less, or have the operator raise it.", most)};
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

keyring::LeaseAges allowed_ages(keyring::LeaseAges ages, std::chrono::milliseconds most_soft) {
  bool bridges = ages.hard > ages.soft;
  ages.soft = std::min(ages.soft, most_soft);
  if (!bridges) ages.hard = ages.soft;
  return ages;
}

Task<Result<LeasePolicy>> LeasePolicies::get(audit::Caller caller) {
  auto find = [organization = caller.organization](store::Transaction& tx) {
    return tx.find_lease_policy(organization);
  };
  LATCHKEY_CO_TRY(auto row, co_await store_.read(std::move(find)));
  if (!row) co_return LeasePolicy{defaults_, true};
  co_return LeasePolicy{allowed_ages({row->soft, row->hard}, most_soft_), false};
}

Task<Result<LeasePolicy>> LeasePolicies::set(audit::Caller caller, keyring::LeaseAges ages) {
  LATCHKEY_CO_TRYV(check_most_soft(ages.soft, most_soft_));
  LATCHKEY_CO_TRYV(check_lease_ages(ages, "soft_seconds", "hard_seconds"));
  LeasePolicy policy{ages, false};
  auto write = [this, caller, policy](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.put(store::LeasePolicy{caller.organization, policy.ages.soft, policy.ages.hard}));
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::LeasePolicyUpdated,
                                  details_of(policy));
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(write)));
  co_return policy;
}

Task<Result<LeasePolicy>> LeasePolicies::reset(audit::Caller caller) {
  LeasePolicy policy{defaults_, true};
  auto write = [this, caller, policy](store::Transaction& tx) -> Result<void> {
    LATCHKEY_TRYV(tx.erase_lease_policy(caller.organization));
    return audit::record_activity(tx, clock_, random_, caller, audit::ActivityType::LeasePolicyUpdated,
                                  details_of(policy));
  };
  LATCHKEY_CO_TRYV(co_await store_.write(std::move(write)));
  co_return policy;
}

}  // namespace latchkey::admin
