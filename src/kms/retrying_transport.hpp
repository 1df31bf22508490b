// Sends a request until there is a response to keep: it retries with full-jitter exponential back-off inside a
// deadline, and waits as long as a server asks for with Retry-After. Every cloud uses it, so that all behave alike.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "http/client.hpp"

namespace latchkey::kms {

struct RetrySettings {
  unsigned attempts = 5;
  std::chrono::milliseconds first_delay{500};  // doubled each time, full jitter
  std::chrono::milliseconds max_delay{16'000};
  std::chrono::milliseconds attempt_timeout{5'000};  // so that one lost connection does not eat the whole deadline
};

// How a retry waits; an interface so that tests need not.
class Sleeper {
 public:
  Sleeper() = default;
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  virtual ~Sleeper() = default;
  virtual Task<void> sleep_for(std::chrono::milliseconds delay) = 0;
};

[[nodiscard]] std::shared_ptr<Sleeper> make_timer_sleeper();

// Which failures end in another attempt.
enum class Repeat {
  AfterAnyFault,  // the request is safe to repeat
  WhenThrottled,  // a 429 alone, which says that nothing was done
};

// Asked before each attempt whether there is to be one.
using MayAttempt = std::function<Task<Result<void>>()>;

// No retry waits longer, whatever a service asks for.
inline constexpr std::chrono::hours kLongestRetryAfter{1};

// Reads from the headers how long the service asks us to wait; each cloud has headers of its own. Absent where they say
// nothing that can be read; never negative, at most kLongestRetryAfter.
using ReadRetryAfter = std::optional<std::chrono::milliseconds> (*)(const http::Headers& headers, Timestamp now);

// Retry-After, as http::retry_after reads it.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers, Timestamp now);

class RetryingTransport {
 public:
  using Response = Result<http::ClientResponse, http::TransportError>;

  // The references outlive the transport. Thread-safe.
  RetryingTransport(http::Client& client, const Clock& clock, RandomSource& random, std::shared_ptr<Sleeper> sleeper,
                    RetrySettings settings, ReadRetryAfter read_retry_after = &retry_after);

  // Returns the last response or failure; the response is a 408, 429 or 5xx where attempts or time ran out. It returns
  // a failure at once where another attempt cannot cure it (a name that does not exist, a forbidden address). It never
  // waits past the deadline: a Retry-After beyond it ends the attempts.
  [[nodiscard]] Task<Response> send(http::ClientRequest request, Deadline deadline,
                                    Repeat repeat = Repeat::AfterAnyFault);
  // The same, and it repeats after any fault. Where `may_attempt` forbids an attempt, it returns that error, whatever
  // the attempts before led to.
  [[nodiscard]] Task<Result<Response>> send_while(MayAttempt may_attempt, http::ClientRequest request,
                                                  Deadline deadline);

 private:
  [[nodiscard]] Task<Response> attempt(const http::ClientRequest& request, Deadline deadline, Repeat repeat);
  // Waits before the next attempt. False where there is none, because the response is final or no time is left.
  [[nodiscard]] Task<bool> wait_for_next(const Response& response, unsigned attempts, Deadline deadline, Repeat repeat);
  [[nodiscard]] std::chrono::milliseconds jittered_delay(unsigned attempt);

  http::Client& client_;
  const Clock& clock_;
  RandomSource& random_;
  std::shared_ptr<Sleeper> sleeper_;
  RetrySettings settings_;
  ReadRetryAfter read_retry_after_;
};

// KeyUnreachable with the reason and the cure; Invalid for BadRequest.
[[nodiscard]] Error transport_error(const http::TransportError& failure, std::string_view host);

}  // namespace latchkey::kms
