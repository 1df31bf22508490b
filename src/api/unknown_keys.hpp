// Remembers for a few seconds the API keys that nobody has, by their hashes, and so keeps the same wrong key away from
// the store. Thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/mutex.hpp"
#include "crypto/hash.hpp"

namespace latchkey::api {

class UnknownKeys {
 public:
  // It remembers at least one and otherwise at most `most` of them.
  explicit UnknownKeys(std::size_t most = 16'384);

  // Whether nobody had the key a few seconds ago. A key that is made later cannot be among these: it is random, and
  // nobody sends it before it is made.
  [[nodiscard]] bool contains(const crypto::Sha256& key, SteadyTime now) const;
  void note(const crypto::Sha256& key, SteadyTime now);

 private:
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kCacheLine = 64;
  struct alignas(kCacheLine) Shard {
    mutable Mutex mutex;
    std::unordered_map<crypto::Sha256, SteadyTime, crypto::HashOfSha256> keys LATCHKEY_GUARDED_BY(mutex);  // until when
  };

  std::size_t most_;  // of a shard
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::api
