// Counts that each serving thread adds to in memory of its own, and that a scrape adds up. Internal to metrics/.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/thread_number.hpp"

namespace latchkey::metrics {

// `kCounts` counts from 0 on. Thread-safe; takes no lock.
template <std::size_t kCounts>
class ShardedCounts {
 public:
  void add(std::size_t which, std::uint64_t more = 1) {
    // More threads than shards share some.
    shards_[number_of_this_thread() % kShards].counts[which].fetch_add(more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t sum(std::size_t which) const {
    std::uint64_t all = 0;
    for (const auto& shard : shards_) all += shard.counts[which].load(std::memory_order_relaxed);
    return all;
  }

 private:
  static constexpr std::size_t kShards = 8;
  struct alignas(64) Shard {
    std::array<std::atomic<std::uint64_t>, kCounts> counts{};
  };
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::metrics
