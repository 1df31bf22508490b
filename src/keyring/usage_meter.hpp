// How often each data key was used since last told: a customer's own audit log shows our renewals, not what was read
// and written under them. That a data key is in use at all is told before its first use, and how often afterwards: a
// crash loses counts, never the use. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "keyring/compartment.hpp"

namespace latchkey::keyring {

struct UsageCounts {
  std::uint64_t encrypts = 0;  // records
  std::uint64_t decrypts = 0;  // records, those that did not open among them
  std::uint64_t leases = 0;    // lent to somebody who encrypts elsewhere
  bool operator==(const UsageCounts&) const = default;
};

struct Usage {
  Uuid organization;
  std::string workspace_id;
  std::optional<std::string> external_key_id;
  RawId data_key;
  UsageCounts counts;
  Timestamp from;   // of the first use
  Timestamp until;  // of the last
  // Of the unwraps that the uses rode on, in the order of their first use; those above kMostRequestIds are left out.
  std::vector<std::string> kms_request_ids = {};
};

inline constexpr std::size_t kMostRequestIds = 16;

// Of a data key, since the start.
struct UsageTotal {
  std::string workspace_id;
  std::optional<RawId> data_key;  // absent: of all those above kMostUsageTotals
  UsageCounts counts;
};

inline constexpr std::size_t kMostUsageTotals = 10'000;

class UsageMeter {
 public:
  explicit UsageMeter(const Clock& clock) : clock_(clock) {}
  // Before each use. True where it is not told yet that the data key is in use: then take_beginnings and told are to be
  // awaited first. A data key that goes unused from one `take` to the next begins anew.
  [[nodiscard]] bool begin(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                           const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id = nullptr);
  // Those that began and are not told, each once. What is taken is told by one who took it, or given back.
  [[nodiscard]] std::vector<Usage> take_beginnings();
  void told(const std::vector<Usage>& beginnings);
  void give_back_beginnings(std::vector<Usage> beginnings);
  void count(const Compartment& compartment, const std::optional<std::string>& external_key_id, const RawId& data_key,
             const UsageCounts& counts, const std::shared_ptr<const std::string>& kms_request_id = nullptr);
  // What was counted so far; counting begins anew.
  [[nodiscard]] std::vector<Usage> take();
  // What was taken and could not be told is counted again.
  void give_back(std::vector<Usage> taken);
  // Not touched by taking.
  [[nodiscard]] std::vector<UsageTotal> totals() const;

 private:
  using Key = std::pair<std::string, RawId>;
  [[nodiscard]] Usage usage_now(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                                const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) const;
  void add(Usage usage);

  const Clock& clock_;
  mutable std::mutex mutex_;  // over everything below
  // By workspace and data key: data keys of two workspaces are never the same, but who says so may be.
  std::map<Key, Usage> usages_;
  std::map<Key, UsageCounts> totals_;
  std::map<Key, bool> in_use_;  // whether that is told
  std::vector<Usage> beginnings_;
  UsageCounts other_total_;
};

}  // namespace latchkey::keyring
