#include "api/token_buckets.hpp"

#include <algorithm>

namespace latchkey::api {

using std::chrono::nanoseconds;

TokenBuckets::TokenBuckets(Rate rate, std::size_t most_names)
    : rate_(rate),
      each_(std::max(rate.window / rate.requests, nanoseconds(1))),
      most_of_shard_(std::max<std::size_t>(most_names / kShards, 1)) {}

Taken TokenBuckets::take(std::string_view name, SteadyTime now) {
  auto& shard = shards_[Hash{}(name) % kShards];
  MutexLock lock(shard.mutex);
  auto found = shard.full_at.find(name);
  if (found == shard.full_at.end()) {
    make_room(shard, now);
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

nanoseconds TokenBuckets::until_next(std::string_view name, SteadyTime now) const {
  const auto& shard = shards_[Hash{}(name) % kShards];
  MutexLock lock(shard.mutex);
  auto found = shard.full_at.find(name);
  if (found == shard.full_at.end()) return nanoseconds(0);
  return std::max<nanoseconds>(found->second - now + each_ - rate_.window, nanoseconds(0));
}

void TokenBuckets::make_room(Shard& shard, SteadyTime now) const {
  if (shard.full_at.size() < std::min(shard.swept_from, most_of_shard_)) return;
  boost::unordered::erase_if(shard.full_at, [&](const auto& entry) { return entry.second <= now; });
  shard.swept_from = std::max(kSweptFrom, 2 * shard.full_at.size());
  if (shard.full_at.size() < most_of_shard_) return;
  auto fullest = std::min_element(shard.full_at.begin(), shard.full_at.end(),
                                  [](const auto& a, const auto& b) { return a.second < b.second; });
  shard.full_at.erase(fullest);
}

std::size_t TokenBuckets::size() const {
  std::size_t all = 0;
  for (const auto& shard : shards_) {
    MutexLock lock(shard.mutex);
    all += shard.full_at.size();
  }
  return all;
}

}  // namespace latchkey::api
