#include "webhooks/delivery_result.hpp"

#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "http/retry_after.hpp"
#include "webhooks/retry_schedule.hpp"

namespace latchkey::webhooks {

namespace {

constexpr unsigned kGone = 410;
constexpr std::size_t kMostMessage = 500;

std::string complaint(unsigned status) {
  if (status == kGone) return "The endpoint answered 410 Gone: it wants no more events.";
  if (status / 100 == 3) {
    return fmt::format("The endpoint answered {}, a redirect, which is not followed. Register where it leads.", status);
  }
  return fmt::format("The endpoint answered {} where 2xx takes the event.", status);
}

// A name that does not exist, a name without a server, a name that leads inside, and a name that the proxy refuses get
// one text: told apart, they would map the network that the server stands in.
std::string_view complaint(http::TransportFailure failure) {
  switch (failure) {
    case http::TransportFailure::UnknownName:
    case http::TransportFailure::LookupFailed:
    case http::TransportFailure::AddressRefused:
    case http::TransportFailure::ProxyFailed:
      return "The endpoint's name was not found, or leads to no public address. See that it resolves for everybody; "
             "the "
             "server's log has the cause.";
    case http::TransportFailure::ConnectFailed:
      return "The endpoint could not be connected to.";
    case http::TransportFailure::TimedOut:
      return "The endpoint did not answer in time.";
    case http::TransportFailure::TlsFailed:
      return "TLS with the endpoint failed. Its certificate must be its name's, in date, and from an authority that is "
             "trusted.";
    case http::TransportFailure::Interrupted:
      return "The endpoint ended the connection before its response was whole.";
    case http::TransportFailure::ResponseTooLarge:
      return "The endpoint's response is too large. Respond with a status and no body.";
    case http::TransportFailure::BadRequest:
      return "The endpoint's URL is none that an event can be sent to.";
  }
  return "The event could not be sent.";
}

}  // namespace

DeliveryResult read_result(const Result<http::ClientResponse, http::TransportError>& outcome, Timestamp now) {
  DeliveryResult result;
  if (!outcome) {
    result.error = complaint(outcome.error().failure);
    result.detail = json_fields::clean_text(outcome.error().message, kMostMessage);
    return result;
  }
  const auto& response = outcome.value();
  result.status = response.status;
  result.delivered = response.status / 100 == 2;
  result.gone = response.status == kGone;
  if (!result.delivered) {
    result.error = complaint(response.status);
    result.retry_after = http::retry_after(response.headers, now, kGiveUpAfter);
  }
  return result;
}

}  // namespace latchkey::webhooks
