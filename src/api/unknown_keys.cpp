#include "api/unknown_keys.hpp"

#include <algorithm>

namespace latchkey::api {

namespace {

constexpr std::chrono::seconds kRemembered{10};

}  // namespace

UnknownKeys::UnknownKeys(std::size_t most) : most_(std::max<std::size_t>(most / kShards, 1)) {}

bool UnknownKeys::contains(const crypto::Sha256& key, SteadyTime now) const {
  const auto& shard = shards_.at(key.back() % kShards);
  MutexLock lock(shard.mutex);
  auto found = shard.keys.find(key);
  return found != shard.keys.end() && now < found->second;
}

void UnknownKeys::note(const crypto::Sha256& key, SteadyTime now) {
  auto& shard = shards_.at(key.back() % kShards);
  MutexLock lock(shard.mutex);
  if (shard.keys.size() >= most_) {
    std::erase_if(shard.keys, [&](const auto& entry) { return entry.second <= now; });
    if (shard.keys.size() >= most_) shard.keys.clear();
  }
  shard.keys[key] = now + kRemembered;
}

}  // namespace latchkey::api
