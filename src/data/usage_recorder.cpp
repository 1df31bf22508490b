#include "data/usage_recorder.hpp"

#include <algorithm>
#include <functional>

#include <boost/asio/this_coro.hpp>
#include <boost/json/value_from.hpp>
#include <spdlog/spdlog.h>

#include "audit/activity_log.hpp"
#include "base/log.hpp"
#include "base/timeout.hpp"

namespace latchkey::data {

namespace {

// How long a request waits for the store's one writer: after that it gets its response all the same.
constexpr std::chrono::seconds kPatience{2};

boost::json::object details_of(const keyring::Usage& usage) {
  boost::json::value external_key;
  if (usage.external_key_id) external_key = *usage.external_key_id;
  return {{"workspace_id", usage.workspace_id},
          {"data_key_id", format_id(id_prefix::kDataKey, usage.data_key)},
          {"external_key_id", std::move(external_key)},
          {"encrypts", usage.counts.encrypts},
          {"decrypts", usage.counts.decrypts},
          {"leases", usage.counts.leases},
          {"from", format_timestamp(usage.from)},
          {"until", format_timestamp(usage.until)},
          {"kms_request_ids", boost::json::value_from(usage.kms_request_ids)}};
}

boost::json::object beginning_of(const keyring::Usage& usage) {
  auto details = details_of(usage);
  for (auto counted : {"encrypts", "decrypts", "leases", "until"}) details.erase(counted);
  return details;
}

}  // namespace

Task<void> UsageRecorder::tell_beginnings(Deadline deadline) {
  auto executor = co_await boost::asio::this_coro::executor;
  std::function<Task<bool>()> work = [this] { return write_beginnings(); };
  auto patience = std::min<std::chrono::nanoseconds>(deadline - clock_.steady(), kPatience);
  auto written = co_await with_timeout(std::move(executor), patience, std::move(work));
  if (!written)
    spdlog::warn("the store is too busy: a data key is used before the activity feed says that it is in use");
}

Task<bool> UsageRecorder::write_beginnings() {
  auto taken = std::make_shared<std::vector<keyring::Usage>>();
  auto write = [this, taken](store::Transaction& tx) -> Result<void> {
    // Takes every use that began until now, so that one write serves all callers that wait for the store. A later
    // caller that finds none left goes on after that write is durable.
    *taken = meter_.take_beginnings();
    for (const auto& usage : *taken) {
      LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, usage.organization,
                                                  audit::ActivityType::DataKeysUseBegan, beginning_of(usage)));
    }
    return success();
  };
  auto written = co_await store_.write(std::move(write));
  if (written) {
    meter_.told(*taken);
    co_return true;
  }
  spdlog::error("the server could not record that data keys are in use: {}", describe(written.error()));
  meter_.give_back_beginnings(std::move(*taken));
  co_return false;
}

Task<Result<void>> UsageRecorder::record() {
  auto taken = std::make_shared<std::vector<keyring::Usage>>(meter_.take());
  if (taken->empty()) co_return success();
  auto write = [this, taken](store::Transaction& tx) -> Result<void> {
    for (const auto& usage : *taken) {
      LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, usage.organization,
                                                  audit::ActivityType::DataKeysUsed, details_of(usage)));
    }
    return success();
  };
  auto written = co_await store_.write(std::move(write));
  if (!written) meter_.give_back(std::move(*taken));
  co_return written;
}

}  // namespace latchkey::data
