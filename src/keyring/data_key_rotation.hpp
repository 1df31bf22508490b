// When a data key has served long enough, and how that is known. A compartment's active data key is replaced by a new
// one after an age, or a number of records or bytes; the old one goes on to decrypt. The limits lie far below those of
// the AEAD: with XAES-256-GCM's random 192-bit nonces a key may encrypt 2^80 records.
//
// Use is counted in memory and written to the store now and then. A crash loses what was counted since it was written
// last (write_use), and nothing else: the key is then replaced later by as much.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

// Error::reason of a data key that was destroyed.

struct DataKeyLimits {
  std::chrono::milliseconds max_age = std::chrono::hours(30 * 24);
  std::int64_t max_records = std::int64_t{1} << 32;
  std::int64_t max_bytes = std::int64_t{1} << 46;
};

struct Use {
  std::int64_t records = 0;
  std::int64_t bytes = 0;
  bool operator==(const Use&) const = default;
};

// Counts what data keys are used for. Each thread counts in a place of its own, so that threads that encrypt under one
// key do not wait for each other. Thread-safe.
class DataKeyMeter {
 public:
  void encrypted(const RawId& id, Use use);
  // Used otherwise: a decryption, a key that was given out.
  void used(const RawId& id) { encrypted(id, {}); }
  // What was counted since it was last taken.
  [[nodiscard]] Use pending(const RawId& id) const;
  [[nodiscard]] std::vector<store::DataKeyUse> take();

 private:
  struct HashId {
    std::size_t operator()(const RawId& id) const;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<RawId, Use, HashId> uses;
  };
  static constexpr std::size_t kShards = 16;
  [[nodiscard]] Shard& mine();
  std::array<Shard, kShards> shards_;
};

enum class RotationCause { Age, Records, Bytes };
[[nodiscard]] std::string_view to_string(RotationCause cause);

// Why the active data key is to be replaced; absent where it is not. `pending` comes on top of what the row has.
[[nodiscard]] std::optional<RotationCause> rotation_due(const store::DataKey& row, const Use& pending,
                                                        const DataKeyLimits& limits, Timestamp now);

// A data key was replaced, as the transaction that does it tells.
struct DataKeyReplaced {
  Uuid organization;
  std::string workspace_id;
  std::optional<std::string> external_key_id;
  RawId replaced;
  RawId active;
  RotationCause cause;
};

// Writes what the meter has counted. What could not be written is counted again.
[[nodiscard]] Task<Result<void>> write_use(store::Store& store, DataKeyMeter& meter, const Clock& clock);

}  // namespace latchkey::keyring
