#include "kms/retrying_transport.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <time.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "kms/reason_catalogue.hpp"
#include "kms/wipe_at_exit.hpp"

namespace latchkey::kms {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestRetryAfter = std::chrono::hours(1);

class TimerSleeper final : public Sleeper {
 public:
  Task<void> sleep_for(milliseconds delay) override {
    auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer timer(executor, delay);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  }
};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure == std::errc::result_out_of_range) return kLongestRetryAfter.count();
  if (failure != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

milliseconds bounded(std::int64_t milliseconds_asked) {
  return std::clamp(milliseconds(milliseconds_asked), milliseconds(0), kLongestRetryAfter);
}

// IMF-fixdate, the one form that RFC 9110 lets senders use: "Sun, 06 Nov 1994 08:49:37 GMT".
std::optional<std::chrono::sys_seconds> http_date(std::string_view text) {
  if (text.size() != 29) return std::nullopt;
  std::tm fields{};
  std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &fields);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&fields)));
}

bool worth_repeating(unsigned status) {
  return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

bool worth_repeating(http::TransportFailure failure) {
  using http::TransportFailure;
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
    case TransportFailure::AnswerTooLarge:
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
                                     std::shared_ptr<Sleeper> sleeper, RetrySettings settings)
    : client_(client), clock_(clock), random_(random), sleeper_(std::move(sleeper)), settings_(settings) {}

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

Task<Result<http::ClientResponse, http::TransportError>> RetryingTransport::send(http::ClientRequest request,
                                                                                 Deadline deadline) {
  WipeAtExit wipe(request.body);  // a data key on its way to be wrapped, or a credential
  for (unsigned attempt = 1;; ++attempt) {
    auto now = clock_.steady();
    if (now >= deadline) {
      co_return http::TransportError{http::TransportFailure::TimedOut, "no time was left to ask"};
    }
    auto copy = request;
    copy.deadline = std::min<Deadline>(deadline, now + settings_.attempt_timeout);
    auto answer = co_await client_.send(std::move(copy));
    bool again = answer ? worth_repeating(answer.value().status) : worth_repeating(answer.error().failure);
    if (!again || attempt >= settings_.attempts) co_return answer;
    auto delay = jittered_delay(attempt);
    if (answer) {
      if (auto asked = retry_after(answer.value().headers, clock_.now())) delay = std::max(delay, *asked);
    }
    if (clock_.steady() + delay >= deadline) co_return answer;
    co_await sleeper_->sleep_for(delay);
  }
}

std::optional<milliseconds> retry_after(const http::Headers& headers, Timestamp now) {
  for (std::string_view name : {"retry-after-ms", "x-ms-retry-after-ms"}) {
    if (auto value = whole_number(headers.get(name))) return bounded(std::min(*value, kLongestRetryAfter.count()));
  }
  auto text = headers.get("retry-after");
  if (auto value = whole_number(text)) {
    return bounded(std::min(*value, kLongestRetryAfter.count() / 1000) * 1000);
  }
  if (auto date = http_date(text)) {
    auto wait = std::chrono::ceil<milliseconds>(*date - now);
    return bounded(wait.count());
  }
  return std::nullopt;
}

Error transport_error(const http::TransportError& failure, Peer peer, std::string_view host) {
  using http::TransportFailure;
  Facts facts;
  facts.host = host;
  facts.vault_name = host.substr(0, host.find('.'));
  facts.operation = "a request";
  facts.said = failure.message;
  switch (failure.failure) {
    case TransportFailure::UnknownName:
      if (peer == Peer::Login) break;
      return reason_error(reason::kVaultNameUnknown, facts);
    case TransportFailure::AddressRefused:
      if (peer == Peer::Login) break;
      return reason_error(reason::kVaultAddressRefused, facts);
    case TransportFailure::TimedOut:
      return reason_error(reason::kTimedOut, facts);
    case TransportFailure::AnswerTooLarge:
      facts.answer = fmt::format("with more than a key service has to say: {}", failure.message);
      return reason_error(reason::kProviderFault, facts);
    case TransportFailure::TlsFailed:
      return reason_error(reason::kTlsFailed, facts);
    case TransportFailure::ProxyFailed:
      return reason_error(reason::kProxyFailed, facts);
    case TransportFailure::BadRequest:
      return Error{ErrorCode::Invalid, fmt::format("a request to {} could not be formed: {}", host, failure.message)};
    case TransportFailure::LookupFailed:
    case TransportFailure::ConnectFailed:
    case TransportFailure::Interrupted:
      break;
  }
  return reason_error(reason::kConnectionFailed, facts);
}

}  // namespace latchkey::kms
