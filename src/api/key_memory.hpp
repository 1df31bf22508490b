// What this process remembers of the API keys that it was sent, by their hashes: whose those are that were found in the
// store, and for a few seconds those that nobody has. It lets nobody in: the store is asked about each request. It
// tells whose tokens a request takes before that, and spares the store the same wrong key again. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "audit/caller.hpp"
#include "base/clock.hpp"
#include "crypto/hash.hpp"

namespace latchkey::api {

class KeyMemory {
 public:
  // As many as are remembered of each kind. Of the known the one that was used longest ago is forgotten for a new one.
  explicit KeyMemory(std::size_t most_known = 65'536, std::size_t most_unknown = 16'384);
  KeyMemory(const KeyMemory&) = delete;
  KeyMemory& operator=(const KeyMemory&) = delete;
  ~KeyMemory() = default;

  // Whose a key was when it was last looked up: its id, organisation, role and workspace. Null where it is not known.
  [[nodiscard]] std::shared_ptr<const audit::Caller> whose(const crypto::Sha256& key);
  // Whether nobody had it a few seconds ago. None that is made later can be among these: it is random, and not sent
  // before it is made.
  [[nodiscard]] bool is_nobodys(const crypto::Sha256& key, SteadyTime now) const;
  void note_known(const crypto::Sha256& key, const audit::Caller& caller);
  // Also of one that was known: it was revoked.
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
    mutable std::mutex mutex;
    std::list<Known> known;  // the one that was used last first
    std::unordered_map<crypto::Sha256, std::list<Known>::iterator, Hash> places;
    std::unordered_map<crypto::Sha256, SteadyTime, Hash> nobodys;  // until when
  };
  [[nodiscard]] Shard& shard_of(const crypto::Sha256& key) { return shards_.at(key.back() % kShards); }
  [[nodiscard]] const Shard& shard_of(const crypto::Sha256& key) const { return shards_.at(key.back() % kShards); }

  std::size_t most_known_;    // of a shard
  std::size_t most_unknown_;  // likewise
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::api
