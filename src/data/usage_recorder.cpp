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

// A request waits so long for the store's one writer, and then gets its response all the same.
constexpr std::chrono::seconds kLongestWait{2};
constexpr std::size_t kRowsPerTransaction = 500;

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

Task<void> UsageRecorder::announce_beginnings(Deadline deadline) {
  auto executor = co_await boost::asio::this_coro::executor;
  std::function<Task<bool>()> work = [this] { return write_beginnings(); };
  auto wait = std::min<std::chrono::nanoseconds>(deadline - clock_.steady(), kLongestWait);
  auto written = co_await with_timeout(std::move(executor), wait, std::move(work));
  if (!written)
    spdlog::warn("the store is too busy: a request uses a data key before the activity feed says that it is in use");
}

Task<bool> UsageRecorder::write_beginnings() {
  auto taken = std::make_shared<std::vector<keyring::Usage>>();
  auto write = [this, taken](store::Transaction& tx) -> Result<void> {
    // The write takes every use that began until now, so that it serves all callers that wait for the store. A later
    // caller that finds none left continues once that write is durable.
    *taken = meter_.take_beginnings();
    for (const auto& usage : *taken) {
      LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, usage.organization,
                                                  audit::ActivityType::DataKeysUseBegan, beginning_of(usage)));
    }
    return success();
  };
  auto written = co_await store_.write(std::move(write));
  if (written) {
    meter_.confirm_beginnings(*taken);
    co_return true;
  }
  spdlog::error("the server could not record that data keys are in use: {}", describe(written.error()));
  meter_.give_back_beginnings(std::move(*taken));
  co_return false;
}

Task<Result<void>> UsageRecorder::flush_usage() {
  auto taken = std::make_shared<std::vector<keyring::Usage>>(meter_.take_usage());
  if (taken->empty()) co_return success();
  auto write = [this, taken](store::Transaction& tx) -> Result<void> {
    for (const auto& usage : *taken) {
      LATCHKEY_TRYV(audit::record_system_activity(tx, clock_, random_, usage.organization,
                                                  audit::ActivityType::DataKeysUsed, details_of(usage)));
    }
    return success();
  };
  auto written = co_await store_.write(std::move(write));
  if (!written) meter_.give_back_usage(std::move(*taken));
  co_return written;
}

Task<Result<void>> UsageRecorder::flush_row_counts() {
  auto counts = meter_.take_row_counts();
  while (!counts.empty()) {
    auto rest = counts.size() - std::min(kRowsPerTransaction, counts.size());
    std::vector<store::DataKeyUse> part(counts.begin() + static_cast<std::ptrdiff_t>(rest), counts.end());
    auto work = [part = std::move(part), at = clock_.now()](store::Transaction& tx) {
      return tx.add_data_key_use(part, at);
    };
    auto written = co_await store_.write(std::move(work));
    if (!written) {
      meter_.give_back_row_counts(counts);
      co_return written;
    }
    counts.resize(rest);
  }
  co_return success();
}

Task<void> UsageRecorder::flush_usage_or_log() {
  auto flushed = co_await flush_usage();
  if (!flushed) {
    spdlog::error("the server could not write what data keys were used for, and keeps the counts: {}",
                  describe(flushed.error()));
  }
}

Task<void> UsageRecorder::flush_row_counts_or_log() {
  auto flushed = co_await flush_row_counts();
  if (!flushed) {
    spdlog::warn("the server could not add what data keys encrypted to their rows, and keeps the counts: {}",
                 describe(flushed.error()));
  }
}

Task<std::chrono::milliseconds> UsageRecorder::run_once() {
  co_await flush_usage_or_log();
  runs_ = (runs_ + 1) % kPeriodsBetweenRowCounts;
  if (runs_ == 0) co_await flush_row_counts_or_log();
  co_return kPeriod;
}

Task<void> UsageRecorder::flush_all() {
  co_await flush_usage_or_log();
  co_await flush_row_counts_or_log();
}

}  // namespace latchkey::data
