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

}  // namespace

DeliveryResult read_result(const Result<http::ClientResponse, http::TransportError>& outcome, Timestamp now) {
  DeliveryResult result;
  if (!outcome) {
    result.error = json_fields::clean_text(outcome.error().message, kMostMessage);
    return result;
  }
  const auto& answer = outcome.value();
  result.status = answer.status;
  result.delivered = answer.status / 100 == 2;
  result.gone = answer.status == kGone;
  if (!result.delivered) {
    result.error = complaint(answer.status);
    result.retry_after = http::retry_after(answer.headers, now, kGiveUpAfter);
  }
  return result;
}

}  // namespace latchkey::webhooks
