#include "api/key_memory.hpp"

#include <algorithm>
#include <cstring>

namespace latchkey::api {

namespace {

constexpr std::chrono::seconds kNobodysFor{10};

}  // namespace

KeyMemory::KeyMemory(std::size_t most_known, std::size_t most_unknown)
    : most_known_(std::max<std::size_t>(most_known / kShards, 1)),
      most_unknown_(std::max<std::size_t>(most_unknown / kShards, 1)) {}

std::size_t KeyMemory::Hash::operator()(const crypto::Sha256& key) const {
  std::size_t first = 0;
  std::memcpy(&first, key.data(), sizeof first);
  return first;
}

std::shared_ptr<const audit::Caller> KeyMemory::whose(const crypto::Sha256& key) {
  auto& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  auto found = shard.places.find(key);
  if (found == shard.places.end()) return nullptr;
  shard.known.splice(shard.known.begin(), shard.known, found->second);
  return found->second->caller;
}

bool KeyMemory::is_nobodys(const crypto::Sha256& key, SteadyTime now) const {
  const auto& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  auto found = shard.nobodys.find(key);
  return found != shard.nobodys.end() && now < found->second;
}

void KeyMemory::note_known(const crypto::Sha256& key, const audit::Caller& caller) {
  auto remembered = std::make_shared<audit::Caller>();
  remembered->api_key_id = caller.api_key_id;
  remembered->organization = caller.organization;
  remembered->role = caller.role;
  remembered->workspace_id = caller.workspace_id;
  auto& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  if (shard.places.contains(key)) return;
  if (shard.known.size() >= most_known_) {
    shard.places.erase(shard.known.back().key);
    shard.known.pop_back();
  }
  shard.known.push_front({key, std::move(remembered)});
  shard.places.emplace(key, shard.known.begin());
}

void KeyMemory::note_nobodys(const crypto::Sha256& key, SteadyTime now) {
  auto& shard = shard_of(key);
  MutexLock lock(shard.mutex);
  if (auto found = shard.places.find(key); found != shard.places.end()) {
    shard.known.erase(found->second);
    shard.places.erase(found);
  }
  if (shard.nobodys.size() >= most_unknown_) {
    std::erase_if(shard.nobodys, [&](const auto& entry) { return entry.second <= now; });
    if (shard.nobodys.size() >= most_unknown_) shard.nobodys.clear();
  }
  shard.nobodys[key] = now + kNobodysFor;
}

}  // namespace latchkey::api
