// Counts what each data key is used for. A customer's own audit log shows that we unwrap its data keys, not what is
// read and written under them; the activity feed shows that, by these counts. And a data key is replaced once it has
// encrypted enough, which these counts show as well (data_key_rotation.hpp).
//
// The counts wait in memory until data/usage_recorder.hpp writes them. That a data key is in use at all is written
// before its first use: a crash loses counts, and never the fact of the use.
//
// Each thread counts in a shard of its own, so that threads that use the same data key do not wait for each other.
// Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/mutex.hpp"
#include "keyring/compartment.hpp"
#include "keyring/lease_id.hpp"
#include "store/rows.hpp"

namespace latchkey::keyring {

struct UsageCounts {
  std::uint64_t encrypts = 0;  // records
  std::uint64_t decrypts = 0;  // records, also those that did not open
  std::uint64_t leases = 0;    // leases to clients that encrypt on their own machines
  std::int64_t bytes = 0;      // of plaintext that was encrypted
  bool operator==(const UsageCounts&) const = default;
};

struct Usage {
  Uuid organization;
  std::string workspace_id;
  std::optional<std::string> external_key_id;
  RawId data_key;
  UsageCounts counts;
  Timestamp from;   // of the first use
  Timestamp until;  // of the last use
  // The ids of the unwraps that these uses depend on, each once, at most kMostRequestIds.
  std::vector<std::string> kms_request_ids = {};
};

inline constexpr std::size_t kMostRequestIds = 16;

// The uses of a data key since the server started.
struct UsageTotal {
  std::string workspace_id;
  std::optional<RawId> data_key;  // absent: the sum of all data keys above kMostUsageTotals
  UsageCounts counts;
};

inline constexpr std::size_t kMostUsageTotals = 10'000;

// What a data key encrypted.
struct Use {
  std::int64_t records = 0;
  std::int64_t bytes = 0;
  bool operator==(const Use&) const = default;
};

class UsageMeter {
 public:
  explicit UsageMeter(const Clock& clock) : clock_(clock) {}
  UsageMeter(const UsageMeter&) = delete;
  UsageMeter& operator=(const UsageMeter&) = delete;
  ~UsageMeter() = default;

  // To be called before each use. True where it is not written yet that the data key is in use: the caller then waits
  // until take_beginnings was written and confirmed. A data key that nobody uses between two calls of take_usage begins
  // anew.
  [[nodiscard]] bool begin(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                           const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id = nullptr);
  // Takes the beginnings that nobody has taken. Whoever takes them confirms that they are written, or gives them back.
  [[nodiscard]] std::vector<Usage> take_beginnings();
  void confirm_beginnings(const std::vector<Usage>& beginnings);
  void give_back_beginnings(std::vector<Usage> beginnings);

  // To be called after each use.
  void record_usage(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                    const RawId& data_key, const UsageCounts& counts,
                    const std::shared_ptr<const std::string>& kms_request_id = nullptr);

  // Takes the counts for the activity feed, by workspace and data key; counting begins anew.
  [[nodiscard]] std::vector<Usage> take_usage();
  // Counts what was taken, and could not be written, again.
  void give_back_usage(std::vector<Usage> taken);

  // What the data key encrypted, beyond what its row in the store shows.
  [[nodiscard]] Use pending(const Compartment& compartment, const RawId& data_key) const;
  // Takes the counts for the rows of data keys; pending() begins anew. A data key that was used, and encrypted nothing,
  // is among them: its row shows when it was last used.
  [[nodiscard]] std::vector<store::DataKeyUse> take_row_counts();
  void give_back_row_counts(const std::vector<store::DataKeyUse>& taken);

  // All counts since the server started, whatever was taken.
  [[nodiscard]] std::vector<UsageTotal> totals();

 private:
  // Each data key belongs to one workspace; but the caller names both, and a wrong pair must not spoil a right one.
  using Key = std::pair<std::string, RawId>;
  // What each use changes comes first, and fits one line of the processor's cache: where many thousand data keys are in
  // use, a request waits for each line that it touches.
  struct alignas(64) Entry {
    Timestamp until{};
    UsageCounts counts;
    std::shared_ptr<const std::string> kms_request_id;  // the last one that `usage` has
    bool is_announced = false;                          // in_use_ says so, and begin() need not look there
    bool is_used = false;                               // since take_usage

    Usage usage;                // but for its counts and its end
    UsageCounts in_totals;      // what of the counts totals_ has
    UsageCounts in_row_counts;  // what of the counts row_counts_ has
  };
  using Entries = boost::unordered_flat_map<LeaseId, std::unique_ptr<Entry>, HashId>;
  struct alignas(64) Shard {
    mutable Mutex mutex;
    Entries entries LATCHKEY_GUARDED_BY(mutex);
  };
  using RowCounts = boost::unordered_flat_map<RawId, Use, HashId>;
  static constexpr std::size_t kShards = 16;

  [[nodiscard]] Shard& shard_of_this_thread();
  [[nodiscard]] static Entry& entry_of(Shard& shard, const LeaseId& id) LATCHKEY_REQUIRES(shard.mutex);
  [[nodiscard]] Usage usage_now(const Compartment& compartment, const std::optional<std::string>& external_key_id,
                                const RawId& data_key, const std::shared_ptr<const std::string>& kms_request_id) const;
  void make_room_in_totals(Key key);
  void add_to_totals(Entries& entries) LATCHKEY_REQUIRES(mutex_);
  void add_to_row_counts(Entries& entries) LATCHKEY_REQUIRES(mutex_);

  const Clock& clock_;
  std::array<Shard, kShards> shards_;
  // Whoever holds it may lock a shard, never the other way round.
  mutable Mutex mutex_;
  RowCounts row_counts_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<Key, bool> in_use_ LATCHKEY_GUARDED_BY(mutex_);  // whether it is written that the data key is in use
  std::vector<Usage> beginnings_ LATCHKEY_GUARDED_BY(mutex_);
  std::vector<Usage> given_back_ LATCHKEY_GUARDED_BY(mutex_);
  std::map<Key, UsageCounts> totals_ LATCHKEY_GUARDED_BY(mutex_);
  UsageCounts other_total_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::keyring
