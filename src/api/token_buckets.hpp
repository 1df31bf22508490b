// Allows each name so many requests in a window of time, and lets a name save up one window's requests. Thread-safe;
// take() costs a lock that few threads share and a look-up, and allocates for the first request of a name alone.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.hpp"
#include "base/mutex.hpp"

namespace latchkey::api {

struct Rate {
  std::uint32_t requests = 1;  // at least 1
  std::chrono::nanoseconds window = std::chrono::minutes(1);
};

// The result for one request.
struct Taken {
  bool allowed = true;
  std::uint32_t limit = 0;
  std::uint32_t remaining = 0;
  std::chrono::nanoseconds until_full{};
  std::chrono::nanoseconds until_next{};  // 0 where the request is allowed
};

class TokenBuckets {
 public:
  // Remembers about `most_names` at most. For a further name it forgets the bucket that is nearest to full, so that new
  // names never fill an empty one.
  explicit TokenBuckets(Rate rate, std::size_t most_names = std::numeric_limits<std::size_t>::max());
  TokenBuckets(const TokenBuckets&) = delete;
  TokenBuckets& operator=(const TokenBuckets&) = delete;
  ~TokenBuckets() = default;

  // Takes one of the name's requests. Where none is left, nothing changes.
  [[nodiscard]] Taken take(std::string_view name, SteadyTime now);
  // The time until the name has a request left; zero: now.
  [[nodiscard]] std::chrono::nanoseconds until_next(std::string_view name, SteadyTime now) const;
  // How many names it remembers. It forgets those whose bucket is full again once there are twice as many.
  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kSweptFrom = 64;
  static constexpr std::size_t kCacheLine = 64;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  struct alignas(kCacheLine) Shard {
    mutable Mutex mutex;
    // When the bucket is full again: everything else follows from that. A moment in the past says that it is full.
    boost::unordered_flat_map<std::string, SteadyTime, Hash, std::equal_to<>> full_at LATCHKEY_GUARDED_BY(mutex);
    std::size_t swept_from LATCHKEY_GUARDED_BY(mutex) = kSweptFrom;
  };

  void make_room(Shard& shard, SteadyTime now) const LATCHKEY_REQUIRES(shard.mutex);

  Rate rate_;
  std::chrono::nanoseconds each_;  // the time in which a bucket regains one request
  std::size_t most_of_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::api
