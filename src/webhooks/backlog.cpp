#include "webhooks/backlog.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "audit/activity_log.hpp"
#include "webhooks/endpoints.hpp"

namespace latchkey::webhooks {

namespace {

constexpr auto kBacklogFull = audit::ActivityType::WebhookBacklogFull;
constexpr std::string_view kWhyDisabled = "The endpoint was disabled.";
constexpr std::chrono::hours kActivityPeriod{1};
constexpr std::size_t kTidiedAtOnce = 16;  // endpoints

// One activity an hour, not one for each event: else an organisation that causes events without end would fill the
// feed.
Result<void> record_full_backlog(store::Transaction& tx, const Clock& clock, RandomSource& random,
                                 const Uuid& organization, const std::vector<std::string>& full) {
  store::ActivityFilter filter;
  filter.organization = organization;
  filter.types = {std::string(audit::to_string(kBacklogFull))};
  filter.after = clock.now() - kActivityPeriod;
  store::ListWindow window;
  window.limit = kMostEndpoints;
  LATCHKEY_TRY(auto recorded, tx.list_activities(filter, window));
  for (const auto& endpoint_id : full) {
    bool is_recorded = std::ranges::any_of(
        recorded.rows, [&](const store::Activity& row) { return row.details.find(endpoint_id) != std::string::npos; });
    if (is_recorded) continue;
    LATCHKEY_TRYV(audit::record_system_activity(tx, clock, random, organization, kBacklogFull,
                                                {{"webhook_endpoint_id", endpoint_id}, {"most", kMostPending}}));
  }
  return success();
}

}  // namespace

Result<void> enqueue(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                     const std::vector<store::WebhookDelivery>& deliveries) {
  auto why = fmt::format("It was given up: more events than {} were waiting for the endpoint.", kMostPending);
  std::vector<std::string> full;
  for (const auto& delivery : deliveries) {
    LATCHKEY_TRYV(transaction.insert(delivery));
    LATCHKEY_TRY(auto given_up,
                 transaction.fail_pending_webhook_deliveries(delivery.endpoint_id, why, kMostPending, kChangedAtOnce));
    if (given_up > 0) full.push_back(delivery.endpoint_id);
  }
  if (full.empty()) return success();
  return record_full_backlog(transaction, clock, random, deliveries.front().organization, full);
}

Result<bool> give_up_pending(store::Transaction& transaction, const std::string& endpoint_id) {
  LATCHKEY_TRY(auto given_up,
               transaction.fail_pending_webhook_deliveries(endpoint_id, kWhyDisabled, 0, kChangedAtOnce));
  return given_up < kChangedAtOnce;
}

Result<bool> is_untidy(store::Transaction& transaction) {
  LATCHKEY_TRY(auto found, transaction.untidy_webhook_endpoints(kMostEnded, 1));
  return !found.empty();
}

Result<bool> tidy(store::Transaction& transaction) {
  LATCHKEY_TRY(auto untidy, transaction.untidy_webhook_endpoints(kMostEnded, kTidiedAtOnce));
  auto left = kChangedAtOnce;
  for (const auto& endpoint : untidy) {
    if (!endpoint.enabled) {
      LATCHKEY_TRY(auto given_up, transaction.fail_pending_webhook_deliveries(endpoint.id, kWhyDisabled, 0, left));
      left -= given_up;
    }
    LATCHKEY_TRY(auto erased, transaction.erase_ended_webhook_deliveries(endpoint.id, kMostEnded, left));
    left -= erased;
    if (left == 0) return true;
  }
  return false;
}

}  // namespace latchkey::webhooks
