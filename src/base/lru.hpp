// A bounded map that many threads share: it forgets what nobody has asked for lately. Values are immutable and shared,
// so that finding one copies nothing.
//
// To keep the exact order of use would cost each search writes to three other entries, which among many thousand are
// far apart in memory. Here a search marks what it finds, and a hand that goes around takes the first entry without a
// mark, and the marks on its way (the CLOCK algorithm: Corbato, "A paging experiment with the Multics system", 1968).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "base/mutex.hpp"

namespace latchkey {

// In shards by the key's hash, each with a lock of its own. Thread-safe.
template <class Key, class Value, class Hash = std::hash<Key>>
class Lru {
 public:
  // It keeps at least one value in each shard, and otherwise at most `most` in all.
  explicit Lru(std::size_t most) : most_(std::max<std::size_t>(most / kShards, 1)) {}

  // Null where there is none.
  [[nodiscard]] std::shared_ptr<const Value> find(const Key& key) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    auto found = shard.entries.find(key);
    if (found == shard.entries.end()) return nullptr;
    // The caller waits for the whole value at once, not for the part that counts its owners first.
    const auto* value = reinterpret_cast<const char*>(found->value.get());
    for (std::size_t at = 0; at < sizeof(Value); at += kCacheLine) __builtin_prefetch(value + at);
    if (!found->is_used) found->is_used = true;
    return found->value;
  }

  // Replaces a value that is there.
  void put(const Key& key, std::shared_ptr<const Value> value) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    if (auto found = shard.entries.find(key); found != shard.entries.end()) {
      found->value = std::move(value);
      return;
    }
    auto place = static_cast<std::uint32_t>(shard.circle.size());
    if (place < most_) {
      shard.circle.push_back(key);
    } else {
      place = shard.make_room();
      shard.circle[place] = key;
    }
    shard.entries.insert({key, std::move(value), place});
  }

  void erase(const Key& key) {
    auto& shard = shard_of(key);
    MutexLock lock(shard.mutex);
    auto found = shard.entries.find(key);
    if (found == shard.entries.end()) return;
    auto place = found->place;
    shard.entries.erase(found);
    if (place + 1 < shard.circle.size()) {
      shard.circle[place] = std::move(shard.circle.back());
      shard.entries.find(shard.circle[place])->place = place;
    }
    shard.circle.pop_back();
  }

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kCacheLine = 64;
  // Aligned, so that one with a short key is in one line.
  struct alignas(kCacheLine) Entry {
    Key key;
    mutable std::shared_ptr<const Value> value;
    mutable std::uint32_t place = 0;  // in the circle
    mutable bool is_used = false;     // since the hand passed, or it came
  };
  struct HashEntry {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const { return Hash{}(key); }
    std::size_t operator()(const Entry& entry) const { return Hash{}(entry.key); }
  };
  struct SameEntry {
    using is_transparent = void;
    bool operator()(const Entry& a, const Entry& b) const { return a.key == b.key; }
    bool operator()(const Key& key, const Entry& entry) const { return key == entry.key; }
    bool operator()(const Entry& entry, const Key& key) const { return key == entry.key; }
  };
  struct alignas(kCacheLine) Shard {
    Mutex mutex;
    boost::unordered_flat_set<Entry, HashEntry, SameEntry> entries LATCHKEY_GUARDED_BY(mutex);
    std::vector<Key> circle LATCHKEY_GUARDED_BY(mutex);
    std::size_t hand LATCHKEY_GUARDED_BY(mutex) = 0;

    // Forgets one entry of a full circle, and returns its place.
    std::uint32_t make_room() LATCHKEY_REQUIRES(mutex) {
      for (;;) {
        auto place = hand;
        hand = (hand + 1) % circle.size();
        auto entry = entries.find(circle[place]);
        if (!entry->is_used) {
          entries.erase(entry);
          return static_cast<std::uint32_t>(place);
        }
        entry->is_used = false;
      }
    }
  };
  // By high bits: the set within a shard takes the low ones.
  [[nodiscard]] Shard& shard_of(const Key& key) { return shards_[(Hash{}(key) >> 56) % kShards]; }

  std::size_t most_;  // of a shard
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey
