// So many requests in a window of time for each name, saved up to a whole window's. Thread-safe; taking costs a lock
// that few share and a look-up, no allocation but for a name's first.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace latchkey::api {

struct Rate {
  std::uint32_t requests = 1;  // at least 1
  std::chrono::nanoseconds window = std::chrono::minutes(1);
};

// What became of one request.
struct Taken {
  bool allowed = true;
  std::uint32_t limit = 0;
  std::uint32_t remaining = 0;
  std::chrono::nanoseconds until_full{};
  std::chrono::nanoseconds until_next{};  // 0 where it was allowed
};

class TokenBuckets {
 public:
  // Of about `most_names` at most: beyond those the bucket that is nearest to full is forgotten, so that new names
  // never fill an empty one.
  explicit TokenBuckets(Rate rate, std::size_t most_names = std::numeric_limits<std::size_t>::max());
  TokenBuckets(const TokenBuckets&) = delete;
  TokenBuckets& operator=(const TokenBuckets&) = delete;
  ~TokenBuckets() = default;

  // Takes one of the name's, unless there is none: then nothing changes.
  [[nodiscard]] Taken take(std::string_view name, SteadyTime now);
  // How long it is until one of the name's can be taken; zero: now.
  [[nodiscard]] std::chrono::nanoseconds until_next(std::string_view name, SteadyTime now) const;
  // How many names are remembered. Those whose bucket is full again are forgotten once there are twice as many.
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
    mutable std::mutex mutex;
    // When the bucket is full again, by which all of it is told; never a moment of the past that matters.
    std::unordered_map<std::string, SteadyTime, Hash, std::equal_to<>> full_at;
    std::size_t swept_from = kSweptFrom;
  };

  void make_room(Shard& shard, SteadyTime now) const;

  Rate rate_;
  std::chrono::nanoseconds each_;  // the time in which one comes back
  std::size_t most_of_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace latchkey::api
