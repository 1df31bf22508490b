// Limits how many requests a caller may send: in each class of routes so many with one API key, and so many with all
// keys of an organisation together. It also limits how many API keys that nobody has may come from one address.
// Thread-safe.
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
  Data,    // encrypt, decrypt, data keys on lease
  Read,    // what admin and compliance keys read
  Write,   // what admin keys change, validate or test
  Revoke,  // suspensions and shreds: other writes never use them up
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
  // API keys that nobody has, from one address. Absent where all requests come from a proxy's address: there one
  // stranger would shut out every client whose key this process has not seen yet, and after a start that is every
  // client.
  std::optional<Rate> unknown_keys = Rate{600, std::chrono::minutes(1)};
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits);

  // The result for one request. `taken` is from the key's bucket or the organisation's, whichever has less left.
  struct Turn {
    Taken taken;
    std::optional<Error> refusal;  // RateLimited, with the time to wait
  };
  [[nodiscard]] Turn take(RouteClass of, const audit::Caller& caller, SteadyTime now);

  // For a key that this process does not know: RateLimited where its address (a /64 of IPv6) sent too many that nobody
  // has.
  [[nodiscard]] std::optional<Error> refuse_address(const boost::asio::ip::address& address, SteadyTime now) const;
  // Counts a key that nobody has from the address. Valid keys do not count, however many come at once.
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

// anthropic-ratelimit-requests-limit, -remaining and -reset (RFC 3339: when the bucket is full again).
void add_rate_headers(http::Headers& headers, const Taken& taken, Timestamp now);

}  // namespace latchkey::api
