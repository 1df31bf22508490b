// Runs a request until it is answered: retries with full-jitter exponential back-off inside a deadline, and what a
// server asks for with Retry-After. One transport for every cloud, so that all of them behave alike.
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

// No service is waited for longer.
inline constexpr std::chrono::hours kLongestRetryAfter{1};

// What a response asks us to wait, by the headers of its cloud. Absent where it says nothing that can be read; never
// negative, at most kLongestRetryAfter.
using ReadRetryAfter = std::optional<std::chrono::milliseconds> (*)(const http::Headers& headers, Timestamp now);

// Retry-After, as http::retry_after reads it.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers, Timestamp now);

class RetryingTransport {
 public:
  using Response = Result<http::ClientResponse, http::TransportError>;

  // The references outlive the transport. Thread-safe.
  RetryingTransport(http::Client& client, const Clock& clock, RandomSource& random, std::shared_ptr<Sleeper> sleeper,
                    RetrySettings settings, ReadRetryAfter read_retry_after = &retry_after);

  // Gives the last answer or failure: an answer of 408, 429 or 5xx where attempts or time ran out. Failures that
  // another attempt cannot cure (a name that does not exist, a forbidden address) are given at once. Never waits past
  // the deadline: a Retry-After beyond it ends the attempts.
  [[nodiscard]] Task<Response> send(http::ClientRequest request, Deadline deadline,
                                    Repeat repeat = Repeat::AfterAnyFault);
  // The same, repeated after any fault, for as long as `may_attempt` says so: its error otherwise, whatever came of the
  // attempts before.
  [[nodiscard]] Task<Result<Response>> send_while(MayAttempt may_attempt, http::ClientRequest request,
                                                  Deadline deadline);

 private:
  [[nodiscard]] Task<Response> attempt(const http::ClientRequest& request, Deadline deadline, Repeat repeat);
  // Waits before the next attempt. False where there is none, as the answer stands or no time is left.
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
