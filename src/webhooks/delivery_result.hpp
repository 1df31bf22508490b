// What came of one attempt to deliver an event. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "http/client.hpp"

namespace latchkey::webhooks {

struct DeliveryResult {
  bool delivered = false;
  bool gone = false;  // 410: the endpoint wants nothing any more
  std::optional<std::int64_t> status;
  // For the tenant; empty where it was delivered. Of a transport's failure it tells the kind alone: which names and
  // addresses there are inside is not theirs to learn.
  std::string error;
  std::string detail;  // for the server's log: what `error` leaves out
  std::optional<std::chrono::milliseconds> retry_after;
};

// Only 2xx is delivered; redirects are not followed. A date in Retry-After is measured against `now`.
[[nodiscard]] DeliveryResult read_result(const Result<http::ClientResponse, http::TransportError>& outcome,
                                         Timestamp now);

}  // namespace latchkey::webhooks
