#include "admin/integrity_alarms.hpp"

#include <utility>

#include "audit/activity_log.hpp"
#include "base/log.hpp"

namespace latchkey::admin {

namespace {

constexpr std::chrono::minutes kBetweenTellings{10};
// An attacker who changes a million rows fills neither the memory nor the activity feed; only the counter goes on.
constexpr std::size_t kMostTold = 10'000;
constexpr std::size_t kMostPending = 1'000;

}  // namespace

void IntegrityAlarms::raise(const store::IntegrityAlarm& alarm) {
  MutexLock lock(mutex_);
  ++counts_[alarm.table];
  auto now = clock_.steady();
  auto name = alarm.table + " " + alarm.id;
  if (auto told = told_.find(name); told != told_.end() && now - told->second < kBetweenTellings) return;
  std::erase_if(told_, [&](const auto& told) { return now - told.second >= kBetweenTellings; });
  if (told_.size() >= kMostTold) return;
  told_[name] = now;
  spdlog::critical(
      "row {} of {} was not written by Latchkey, or was changed since: {}. It is not used. Find out who can "
      "write the database (docs/operate.md, \"When a row does not verify\")",
      alarm.id, alarm.table, describe(alarm.verdict));
  if (pending_.size() < kMostPending) pending_.push_back({alarm, clock_.now()});
}

Task<Result<void>> IntegrityAlarms::record(store::Store& store) {
  auto taken = std::make_shared<std::vector<Raised>>();
  {
    MutexLock lock(mutex_);
    taken->swap(pending_);
  }
  if (taken->empty()) co_return success();
  auto write = [this, taken](store::Transaction& tx) -> Result<void> {
    for (const auto& [alarm, at] : *taken) {
      // The organisation comes from the row that does not verify, so it may not exist.
      LATCHKEY_TRY(auto organization, tx.find_organization(alarm.organization));
      if (!organization) continue;
      LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, alarm.organization,
                                                  audit::ActivityType::StoredRowRefused,
                                                  {{"table", alarm.table},
                                                   {"row_id", alarm.id},
                                                   {"reason", std::string(describe(alarm.verdict))},
                                                   {"noticed_at", format_timestamp(at)}}));
    }
    return success();
  };
  auto written = co_await store.write(std::move(write));
  if (!written) {
    MutexLock lock(mutex_);
    pending_.insert(pending_.begin(), taken->begin(), taken->end());
    if (pending_.size() > kMostPending) pending_.resize(kMostPending);
  }
  co_return written;
}

std::map<std::string, std::int64_t> IntegrityAlarms::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

}  // namespace latchkey::admin
