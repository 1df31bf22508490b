// How often a caller may ask: for each class of routes so many of an API key, and so many of all keys of an
// organisation together; and so many API keys that nobody has of an address. Thread-safe.
#pragma once

#include <array>
#include <optional>

#include <boost/asio/ip/address.hpp>

#include "api/token_buckets.hpp"
#include "audit/caller.hpp"
#include "base/result.hpp"
#include "http/message.hpp"

namespace latchkey::api {

enum class RouteClass {
  Data,    // encrypt, decrypt, data keys lent
  Read,    // what admin and compliance keys read
  Write,   // what admin keys change, validate or test
  Revoke,  // suspensions and shreds: never used up by other writes
};
inline constexpr std::size_t kRouteClasses = 4;

struct ClassRates {
  Rate key;
  Rate organization;
};

struct RateLimits {
  ClassRates data{{50'000, std::chrono::seconds(1)}, {100'000, std::chrono::seconds(1)}};
  ClassRates read{{3'000, std::chrono::minutes(1)}, {6'000, std::chrono::minutes(1)}};
  ClassRates write{{600, std::chrono::minutes(1)}, {1'200, std::chrono::minutes(1)}};
  // API keys that nobody has, from one address. Absent where all requests come from a proxy's address: one stranger
  // behind it would shut out every client whose key this process has not seen, as after a start none is.
  std::optional<Rate> unknown_keys = Rate{600, std::chrono::minutes(1)};
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits);

  // What is told about it: of the key's bucket and the organisation's, the one that has less left.
  struct Turn {
    Taken taken;
    std::optional<Error> refusal;  // RateLimited, with the time to wait
  };
  [[nodiscard]] Turn take(RouteClass of, const audit::Caller& caller, SteadyTime now);

  // For a key that is not known yet: RateLimited where its address (a /64 of IPv6) sent too many that nobody has.
  [[nodiscard]] std::optional<Error> refuse_address(const boost::asio::ip::address& address, SteadyTime now) const;
  // One came from there. Keys that are somebody's count for nothing, however many come at once.
  void note_unknown_key(const boost::asio::ip::address& address, SteadyTime now);

 private:
  [[nodiscard]] bool counts(const boost::asio::ip::address& address) const;

  struct Buckets {
    explicit Buckets(const ClassRates& rates) : key(rates.key), organization(rates.organization) {}
    TokenBuckets key;
    TokenBuckets organization;
  };
  std::array<Buckets, kRouteClasses> classes_;
  std::optional<TokenBuckets> addresses_;
};

// anthropic-ratelimit-requests-limit, -remaining and -reset (RFC 3339: when all of them are there again).
void add_rate_headers(http::Headers& headers, const Taken& taken, Timestamp now);

}  // namespace latchkey::api
