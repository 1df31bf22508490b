// What a fault does to a request that it strikes: an error instead of the response, a changed body, or a delivery that
// goes wrong on purpose.
#pragma once

#include <chrono>
#include <vector>

#include "clouds/azure/emulator/control/faults.hpp"
#include "http/message.hpp"

namespace latchkey::clouds::azure::emulator {

// How a fault delivers a response to the client.
using FaultAction = http::DeliverResponse;

// Resets the connection instead of sending anything.
[[nodiscard]] FaultAction reset_connection();
// Sends half of the body, then closes the connection.
[[nodiscard]] FaultAction truncate_body();
// Sends the body in pieces of 16 bytes, with a pause before each.
[[nodiscard]] FaultAction trickle_body(std::chrono::milliseconds pause);

// The response of a fault of kind Error, in Entra's form of an error or in that of the other services.
[[nodiscard]] http::Response error_of(const Fault& fault, bool by_entra);
// Changes the response's body or its delivery, as each fault's kind wants. The kinds that act before there is a
// response (Latency, Error, TokenLifetime) change nothing here.
void apply_faults(const std::vector<Fault>& faults, http::Response& response);

}  // namespace latchkey::clouds::azure::emulator
