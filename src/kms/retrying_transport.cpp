#include "kms/retrying_transport.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "crypto/wipe_at_exit.hpp"
#include "http/retry_after.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::kms {

namespace {

using std::chrono::milliseconds;

class TimerSleeper final : public Sleeper {
 public:
  Task<void> sleep_for(milliseconds delay) override {
    auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer timer(executor, delay);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
};

bool worth_repeating(unsigned status, Repeat repeat) {
  constexpr unsigned kThrottled = 429;
  if (status == kThrottled) return true;
  return repeat == Repeat::AfterAnyFault && (status == 408 || (status >= 500 && status <= 599));
}

bool worth_repeating(http::TransportFailure failure, Repeat repeat) {
  using http::TransportFailure;
  if (repeat == Repeat::WhenThrottled) return false;
  switch (failure) {
    case TransportFailure::LookupFailed:
    case TransportFailure::ConnectFailed:
    case TransportFailure::TimedOut:
    case TransportFailure::TlsFailed:
    case TransportFailure::ProxyFailed:
    case TransportFailure::Interrupted:
      return true;
    case TransportFailure::UnknownName:
    case TransportFailure::AddressRefused:
    case TransportFailure::ResponseTooLarge:
    case TransportFailure::BadRequest:
      return false;
  }
  return false;
}

}  // namespace

std::shared_ptr<Sleeper> make_timer_sleeper() {
  return std::make_shared<TimerSleeper>();
}

RetryingTransport::RetryingTransport(http::Client& client, const Clock& clock, RandomSource& random,
                                     std::shared_ptr<Sleeper> sleeper, RetrySettings settings,
                                     ReadRetryAfter read_retry_after)
    : client_(client),
      clock_(clock),
      random_(random),
      sleeper_(std::move(sleeper)),
      settings_(settings),
      read_retry_after_(read_retry_after) {}

milliseconds RetryingTransport::jittered_delay(unsigned attempt) {
  auto ceiling = settings_.first_delay;
  for (unsigned i = 1; i < attempt && ceiling < settings_.max_delay; ++i) ceiling *= 2;
  ceiling = std::min(ceiling, settings_.max_delay);
  if (ceiling <= milliseconds(0)) return milliseconds(0);
  std::array<std::uint8_t, 8> bytes{};
  random_.fill(bytes);
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return milliseconds(static_cast<std::int64_t>(number % (static_cast<std::uint64_t>(ceiling.count()) + 1)));
}

Task<RetryingTransport::Response> RetryingTransport::attempt(const http::ClientRequest& request, Deadline deadline,
                                                             Repeat repeat) {
  auto now = clock_.steady();
  if (now >= deadline) {
    co_return http::TransportError{http::TransportFailure::TimedOut, "no time was left to ask"};
  }
  auto copy = request;
  // Nothing repeats such an attempt after a timeout, so it may take all the time that is left.
  copy.deadline =
      repeat == Repeat::AfterAnyFault ? std::min<Deadline>(deadline, now + settings_.attempt_timeout) : deadline;
  co_return co_await client_.send(std::move(copy));
}

Task<bool> RetryingTransport::wait_for_next(const Response& response, unsigned attempts, Deadline deadline,
                                            Repeat repeat) {
  bool again =
      response ? worth_repeating(response.value().status, repeat) : worth_repeating(response.error().failure, repeat);
  if (!again || attempts >= settings_.attempts) co_return false;
  auto delay = jittered_delay(attempts);
  if (response) {
    if (auto asked = read_retry_after_(response.value().headers, clock_.now())) delay = std::max(delay, *asked);
  }
  if (clock_.steady() + delay >= deadline) co_return false;
  co_await sleeper_->sleep_for(delay);
  co_return true;
}

Task<RetryingTransport::Response> RetryingTransport::send(http::ClientRequest request, Deadline deadline,
                                                          Repeat repeat) {
  crypto::WipeAtExit wipe(request.body);  // a data key on its way to be wrapped, or a credential
  for (unsigned attempts = 1;; ++attempts) {
    auto response = co_await attempt(request, deadline, repeat);
    bool again = co_await wait_for_next(response, attempts, deadline, repeat);
    if (!again) co_return response;
  }
}

Task<Result<RetryingTransport::Response>> RetryingTransport::send_while(MayAttempt may_attempt,
                                                                        http::ClientRequest request,
                                                                        Deadline deadline) {
  crypto::WipeAtExit wipe(request.body);
  for (unsigned attempts = 1;; ++attempts) {
    LATCHKEY_CO_TRYV(co_await may_attempt());
    auto response = co_await attempt(request, deadline, Repeat::AfterAnyFault);
    bool again = co_await wait_for_next(response, attempts, deadline, Repeat::AfterAnyFault);
    if (!again) co_return Result<Response>(boost::outcome_v2::in_place_type<Response>, std::move(response));
  }
}

std::optional<milliseconds> retry_after(const http::Headers& headers, Timestamp now) {
  return http::retry_after(headers, now, kLongestRetryAfter);
}

Error transport_error(const http::TransportError& failure, std::string_view host) {
  using http::TransportFailure;
  ReasonArguments arguments;
  arguments.host = host;
  arguments.operation = "a request";
  arguments.said = failure.message;
  switch (failure.failure) {
    case TransportFailure::TimedOut:
      return reason_error(reason::kTimedOut, arguments);
    case TransportFailure::ResponseTooLarge:
      arguments.response = fmt::format("with more than a key service has to say: {}", failure.message);
      return reason_error(reason::kProviderFault, arguments);
    case TransportFailure::TlsFailed:
      return reason_error(reason::kTlsFailed, arguments);
    case TransportFailure::ProxyFailed:
      return reason_error(reason::kProxyFailed, arguments);
    case TransportFailure::BadRequest:
      return Error{ErrorCode::Invalid, fmt::format("a request to {} could not be formed: {}", host, failure.message)};
    case TransportFailure::UnknownName:
    case TransportFailure::AddressRefused:
    case TransportFailure::LookupFailed:
    case TransportFailure::ConnectFailed:
    case TransportFailure::Interrupted:
      break;
  }
  return reason_error(reason::kConnectionFailed, arguments);
}

}  // namespace latchkey::kms
