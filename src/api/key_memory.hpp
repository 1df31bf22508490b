// What this process remembers of the API keys that clients sent, by their hashes: the owners of those that it found in
// the store, and for a few seconds those that nobody has. It lets nobody in: the authenticator asks the store about
// each request. But it knows before that whose tokens a request takes, and keeps the same wrong key away from the
// store. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "crypto/hash.hpp"

namespace latchkey::api {

class KeyMemory {
 public:
  // It remembers so many of each kind. For a new known key it forgets the one that was used longest ago.
  explicit KeyMemory(std::size_t most_known = 65'536, std::size_t most_unknown = 16'384);
  KeyMemory(const KeyMemory&) = delete;
  KeyMemory& operator=(const KeyMemory&) = delete;
  ~KeyMemory() = default;

  // The owner of the key when the store was last asked: id, organisation, role and workspace. Null for an unknown key.
  [[nodiscard]] std::shared_ptr<const audit::Caller> whose(const crypto::Sha256& key);
  // Whether nobody had the key a few seconds ago. A key that is made later cannot be among these: it is random, and
  // nobody sends it before it is made.
  [[nodiscard]] bool is_nobodys(const crypto::Sha256& key, SteadyTime now) const;
  void note_known(const crypto::Sha256& key, const audit::Caller& caller);
  // Also for a key that was known: it was revoked.
  void note_nobodys(const crypto::Sha256& key, SteadyTime now);

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kCacheLine = 64;

  struct Known {
    crypto::Sha256 key;
    std::shared_ptr<const audit::Caller> caller;
  };
  struct Hash {
    std::size_t operator()(const crypto::Sha256& key) const;
  };
  struct alignas(kCacheLine) Shard {
    mutable Mutex mutex;
    std::list<Known> known LATCHKEY_GUARDED_BY(mutex);  // the most recently used one first
    std::unordered_map<crypto::Sha256, std::list<Known>::iterator, Hash> places LATCHKEY_GUARDED_BY(mutex);
    std::unordered_map<crypto::Sha256, SteadyTime, Hash> nobodys LATCHKEY_GUARDED_BY(mutex);  // until when
  };
  [[nodiscard]] Shard& shard_of(const crypto::Sha256& key) { return shards_.at(key.back() % kShards); }
  [[nodiscard]] const Shard& shard_of(const crypto::Sha256& key) const { return shards_.at(key.back() % kShards); }

  std::size_t most_known_;    // of a shard
  std::size_t most_unknown_;  // likewise
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::api
