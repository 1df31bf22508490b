#include "api/rate_limiter.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "http/address_network.hpp"

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

// The limiter remembers at most so many addresses that sent keys that nobody has.
constexpr std::size_t kMostAddresses = 16'384;

std::chrono::milliseconds wait_of(const Taken& taken) {
  return std::chrono::ceil<std::chrono::milliseconds>(taken.until_next);
}

std::int64_t seconds_of(std::chrono::milliseconds wait) {
  return std::max(std::chrono::ceil<std::chrono::seconds>(wait), std::chrono::seconds(1)).count();
}

Error refused(RouteClass of, std::string_view whose, std::string_view setting, const Taken& taken) {
  auto wait = wait_of(taken);
  Error error{
      ErrorCode::RateLimited,
      fmt::format("{} made all {} requests of this kind that are allowed at once. Try again in {} s, and spread "
                  "them out; the operator's setting is limits.{}_per_{}.",
                  whose, taken.limit, seconds_of(wait), setting_of(of), setting)};
  error.retry_after = wait;
  return error;
}

std::string_view name_of(const http::AddressNetwork& network) {
  return {reinterpret_cast<const char*>(network.data()), network.size()};
}

}  // namespace

// Revocations have the rates of writes, in buckets of their own.
RateLimiter::RateLimiter(const RateLimits& limits)
    : classes_{{Buckets(limits.data), Buckets(limits.read), Buckets(limits.write), Buckets(limits.write)}} {
  if (limits.unknown_keys) addresses_.emplace(*limits.unknown_keys, kMostAddresses);
}

RateLimiter::Turn RateLimiter::take(RouteClass of, const audit::Caller& caller, SteadyTime now) {
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

// A client on the same machine is no stranger, unless it is the proxy in front of all strangers.
bool RateLimiter::counts(const boost::asio::ip::address& address) const {
  bool mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  auto plain = mapped ? boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()) : address;
  return addresses_ && !plain.is_loopback();
}

std::optional<Error> RateLimiter::refuse_address(const boost::asio::ip::address& address, SteadyTime now) const {
  if (!counts(address)) return std::nullopt;
  auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(addresses_->until_next(name_of(http::network_of(address)), now));
  if (wait <= std::chrono::milliseconds(0)) return std::nullopt;
  Error error{
      ErrorCode::RateLimited,
      fmt::format("Too many API keys that are not valid came from this address, so that this one was not looked "
                  "at. Try again in {} s; the operator's setting is limits.unknown_keys_per_address.",
                  seconds_of(wait))};
  error.retry_after = wait;
  return error;
}

void RateLimiter::note_unknown_key(const boost::asio::ip::address& address, SteadyTime now) {
  if (counts(address)) (void)addresses_->take(name_of(http::network_of(address)), now);
}

void add_rate_headers(http::Headers& headers, const Taken& taken, Timestamp now) {
  auto reset = now + std::chrono::ceil<std::chrono::microseconds>(taken.until_full);
  headers.set("anthropic-ratelimit-requests-limit", std::to_string(taken.limit));
  headers.set("anthropic-ratelimit-requests-remaining", std::to_string(taken.remaining));
  headers.set("anthropic-ratelimit-requests-reset", format_timestamp(reset));
}

}  // namespace latchkey::api
