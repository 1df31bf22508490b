// The outcome of one attempt to deliver an event, read out of the endpoint's response by a pure function.
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
  bool gone = false;  // 410: the endpoint wants no more events
  std::optional<std::int64_t> status;
  // For the tenant; empty where the event was delivered. It names only the kind of a transport failure, so that a
  // tenant does not learn which names and addresses exist inside the platform's network.
  std::string error;
  std::string detail;  // for the server's log: what `error` leaves out
  std::optional<std::chrono::milliseconds> retry_after;
};

// Only a 2xx response counts as delivered, and the server follows no redirect. A date in Retry-After is measured
// against `now`.
[[nodiscard]] DeliveryResult read_result(const Result<http::ClientResponse, http::TransportError>& outcome,
                                         Timestamp now);

}  // namespace latchkey::webhooks
