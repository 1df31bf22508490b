#include "keyring/data_key_rotation.hpp"

#include <algorithm>
#include <cstring>

namespace latchkey::keyring {

namespace {

constexpr std::size_t kRowsPerTransaction = 500;

std::size_t number_of_this_thread() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t kNumber = next.fetch_add(1, std::memory_order_relaxed);
  return kNumber;
}

}  // namespace

// Ids are random already.
std::size_t DataKeyMeter::HashId::operator()(const RawId& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

DataKeyMeter::Shard& DataKeyMeter::mine() {
  return shards_[number_of_this_thread() % kShards];
}

void DataKeyMeter::encrypted(const RawId& id, Use use) {
  auto& shard = mine();
  std::lock_guard lock(shard.mutex);
  auto& counted = shard.uses[id];
  counted.records += use.records;
  counted.bytes += use.bytes;
}

Use DataKeyMeter::pending(const RawId& id) const {
  Use sum;
  for (const auto& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    auto found = shard.uses.find(id);
    if (found == shard.uses.end()) continue;
    sum.records += found->second.records;
    sum.bytes += found->second.bytes;
  }
  return sum;
}

std::vector<store::DataKeyUse> DataKeyMeter::take() {
  std::unordered_map<RawId, Use, HashId> sums;
  for (auto& shard : shards_) {
    std::unordered_map<RawId, Use, HashId> uses;
    {
      std::lock_guard lock(shard.mutex);
      uses.swap(shard.uses);
    }
    for (const auto& [id, use] : uses) {
      auto& sum = sums[id];
      sum.records += use.records;
      sum.bytes += use.bytes;
    }
  }
  std::vector<store::DataKeyUse> taken;
  taken.reserve(sums.size());
  for (const auto& [id, use] : sums) taken.push_back({id, use.records, use.bytes});
  return taken;
}

std::string_view to_string(RotationCause cause) {
  switch (cause) {
    case RotationCause::Age:
      return "age";
    case RotationCause::Records:
      return "records";
    case RotationCause::Bytes:
      return "bytes";
  }
  return "";
}

std::optional<RotationCause> rotation_due(const store::DataKey& row, const Use& pending, const DataKeyLimits& limits,
                                          Timestamp now) {
  if (now - row.created_at >= limits.max_age) return RotationCause::Age;
  if (row.records + pending.records >= limits.max_records) return RotationCause::Records;
  if (row.bytes + pending.bytes >= limits.max_bytes) return RotationCause::Bytes;
  return std::nullopt;
}

Task<Result<void>> write_use(store::Store& store, DataKeyMeter& meter, const Clock& clock) {
  auto uses = meter.take();
  for (std::size_t begin = 0; begin < uses.size(); begin += kRowsPerTransaction) {
    auto end = std::min(begin + kRowsPerTransaction, uses.size());
    std::vector<store::DataKeyUse> part(uses.begin() + static_cast<std::ptrdiff_t>(begin),
                                        uses.begin() + static_cast<std::ptrdiff_t>(end));
    auto work = [part = std::move(part), at = clock.now()](store::Transaction& tx) {
      return tx.add_data_key_use(part, at);
    };
    auto written = co_await store.write(std::move(work));
    if (written) continue;
    for (auto i = begin; i < uses.size(); ++i) meter.encrypted(uses[i].id, {uses[i].records, uses[i].bytes});
    co_return written;
  }
  co_return success();
}

}  // namespace latchkey::keyring
