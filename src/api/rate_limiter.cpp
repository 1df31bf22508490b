#include "api/rate_limiter.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace latchkey::api {

namespace {

std::string_view setting_of(RouteClass of) {
  switch (of) {
    case RouteClass::Data:
      return "data";
    case RouteClass::Read:
      return "reads";
    case RouteClass::Write:
    case RouteClass::Revoke:
      return "writes";
  }
  return "";
}

Error refused(RouteClass of, std::string_view whose, std::string_view setting, const Taken& taken) {
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(taken.until_next);
  auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1));
  Error error{
      ErrorCode::RateLimited,
      fmt::format("{} made all {} requests of this kind that are allowed at once. Try again in {} s, and spread "
                  "them out; the operator's setting is limits.{}_per_{}.",
                  whose, taken.limit, seconds.count(), setting_of(of), setting)};
  error.retry_after = wait;
  return error;
}

}  // namespace

// Revocations have as many as writes, in buckets of their own.
RateLimiter::RateLimiter(const RateLimits& limits)
    : classes_{{Buckets(limits.data), Buckets(limits.read), Buckets(limits.write), Buckets(limits.write)}} {}

RateLimiter::Turn RateLimiter::take(RouteClass of, const admin::Caller& caller, SteadyTime now) {
  auto& buckets = classes_.at(static_cast<std::size_t>(of));
  Turn turn;
  turn.taken = buckets.key.take(caller.api_key_id, now);
  if (!turn.taken.allowed) {
    turn.refusal = refused(of, fmt::format("API key {}", caller.api_key_id), "key", turn.taken);
    return turn;
  }
  auto together = buckets.organization.take(
      {reinterpret_cast<const char*>(caller.organization.data), sizeof caller.organization.data}, now);
  if (!together.allowed || together.remaining < turn.taken.remaining) turn.taken = together;
  if (!together.allowed) turn.refusal = refused(of, "The keys of this organization together", "organization", together);
  return turn;
}

void add_rate_headers(http::Headers& headers, const Taken& taken, Timestamp now) {
  auto reset = now + std::chrono::ceil<std::chrono::microseconds>(taken.until_full);
  headers.set("anthropic-ratelimit-requests-limit", std::to_string(taken.limit));
  headers.set("anthropic-ratelimit-requests-remaining", std::to_string(taken.remaining));
  headers.set("anthropic-ratelimit-requests-reset", format_timestamp(reset));
}

}  // namespace latchkey::api
