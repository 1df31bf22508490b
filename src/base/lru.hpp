// A bounded map that many threads share: it forgets what was asked for longest ago. Values are immutable and shared, so
// that finding one copies nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "base/mutex.hpp"

namespace latchkey {

// For maps of texts that are looked up by views.
struct HashOfText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// In shards by the key's hash, each with a lock of its own. Thread-safe.
template <class Key, class Value, class Hash = std::hash<Key>>
class Lru {
 public:
  // It keeps at least one value in each shard, and otherwise at most `most` in all.
  explicit Lru(std::size_t most) : most_(std::max<std::size_t>(most / kShards, 1)) {}

  // Null where there is none. `key` is a Key, or what a transparent Hash takes in its place.
  template <class View>
  [[nodiscard]] std::shared_ptr<const Value> find(const View& key) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    auto found = shard.places.find(key);
    if (found == shard.places.end()) return nullptr;
    shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
    return found->second->value;
  }

  // Replaces a value that is there.
  void put(const Key& key, std::shared_ptr<const Value> value) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    if (auto found = shard.places.find(key); found != shard.places.end()) {
      found->second->value = std::move(value);
      return;
    }
    if (shard.entries.size() >= most_) {
      shard.places.erase(shard.entries.back().key);
      shard.entries.pop_back();
    }
    shard.entries.push_front({key, std::move(value)});
    shard.places.emplace(key, shard.entries.begin());
  }

  void erase(const Key& key) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    auto found = shard.places.find(key);
    if (found == shard.places.end()) return;
    shard.entries.erase(found->second);
    shard.places.erase(found);
  }

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kCacheLine = 64;
  struct Entry {
    Key key;
    std::shared_ptr<const Value> value;
  };
  struct alignas(kCacheLine) Shard {
    Mutex mutex;
    std::list<Entry> entries LATCHKEY_GUARDED_BY(mutex);  // the most recently used one first
    std::unordered_map<Key, typename std::list<Entry>::iterator, Hash, std::equal_to<>> places
        LATCHKEY_GUARDED_BY(mutex);
  };
  // By high bits: the map within a shard takes the low ones.
  template <class View>
  [[nodiscard]] Shard& shard_of(const View& key) {
    return shards_[(Hash{}(key) >> 56) % kShards];
  }

  std::size_t most_;  // of a shard
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey
