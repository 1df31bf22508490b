#include "api/token_buckets.hpp"

#include <algorithm>

namespace latchkey::api {

using std::chrono::nanoseconds;

TokenBuckets::TokenBuckets(Rate rate) : rate_(rate), each_(std::max(rate.window / rate.requests, nanoseconds(1))) {}

Taken TokenBuckets::take(std::string_view name, SteadyTime now) {
  auto& shard = shards_[Hash{}(name) % kShards];
  std::lock_guard lock(shard.mutex);
  auto found = shard.full_at.find(name);
  if (found == shard.full_at.end()) {
    if (shard.full_at.size() >= shard.swept_from) forget_full(shard, now);
    found = shard.full_at.emplace(std::string(name), now).first;
  }
  auto& full_at = found->second;
  full_at = std::max(full_at, now);
  Taken taken;
  taken.limit = rate_.requests;
  auto missing = full_at - now;
  taken.allowed = missing + each_ <= rate_.window;
  if (taken.allowed) {
    full_at += each_;
    missing += each_;
  } else {
    taken.until_next = missing + each_ - rate_.window;
  }
  taken.until_full = missing;
  taken.remaining = static_cast<std::uint32_t>(std::max(rate_.window - missing, nanoseconds(0)) / each_);
  return taken;
}

void TokenBuckets::forget_full(Shard& shard, SteadyTime now) {
  std::erase_if(shard.full_at, [&](const auto& entry) { return entry.second <= now; });
  shard.swept_from = std::max(kSweptFrom, 2 * shard.full_at.size());
}

std::size_t TokenBuckets::size() const {
  std::size_t all = 0;
  for (const auto& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    all += shard.full_at.size();
  }
  return all;
}

}  // namespace latchkey::api
