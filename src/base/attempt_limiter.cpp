#include "base/attempt_limiter.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace latchkey {

namespace {

constexpr std::chrono::seconds kMinute{60};

}  // namespace

Error AttemptLimiter::too_often(const std::string& id, std::string_view why, std::chrono::milliseconds wait) const {
  auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1));
  Error error{ErrorCode::RateLimited,
              fmt::format("{} {} {}", words_.thing, id, why),
              {},
              fmt::format("Try again in {} s.", seconds.count())};
  error.retry_after = seconds;
  return error;
}

double AttemptLimiter::filled(const Bucket& bucket, SteadyTime now) const {
  auto passed = std::chrono::duration<double>(now - bucket.at) / kMinute;
  return std::min<double>(per_minute_, bucket.left + passed * per_minute_);
}

// A full bucket equals a new one, so the map need not keep it.
void AttemptLimiter::Buckets::forget_full(SteadyTime now) {
  if (now - looked_at < kMinute) return;
  looked_at = now;
  std::erase_if(by_id, [&](const auto& entry) { return !entry.second.busy && now - entry.second.at >= kMinute; });
}

Result<AttemptLimiter::Permit> AttemptLimiter::begin(const std::string& id) {
  auto now = clock_.steady();
  auto& buckets = *buckets_;
  MutexLock lock(buckets.mutex);
  buckets.forget_full(now);
  auto [found, is_new] = buckets.by_id.try_emplace(id, Bucket{static_cast<double>(per_minute_), now, false});
  auto& bucket = found->second;
  if (bucket.busy) return too_often(id, fmt::format("is being {} right now", words_.tried), std::chrono::seconds(1));
  auto left = filled(bucket, now);
  if (left < 1) {
    auto wait = std::chrono::duration<double>(kMinute) * ((1 - left) / per_minute_);
    return too_often(id, fmt::format("was {} {} times in the last minute already", words_.tried, per_minute_),
                     std::chrono::ceil<std::chrono::milliseconds>(wait));
  }
  bucket = {left - 1, now, true};
  return Permit(nullptr, [kept = buckets_, id](void*) {
    MutexLock release(kept->mutex);
    auto ended = kept->by_id.find(id);
    if (ended != kept->by_id.end()) ended->second.busy = false;
  });
}

std::size_t AttemptLimiter::size() const {
  auto& buckets = *buckets_;
  MutexLock lock(buckets.mutex);
  return buckets.by_id.size();
}

}  // namespace latchkey
