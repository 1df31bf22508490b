// Turns Key Vault's refusals and faults into our errors. One table leads from status, code and inner code to code and
// reason; the error has the cause, the cure, and the request id by which Azure's support and the customer's log find
// it.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "clouds/azure/provider/key_target.hpp"
#include "http/client.hpp"

namespace latchkey::clouds::azure {

enum class Operation { Get, Wrap, Unwrap };

// "get", "wrapKey", "unwrapKey".
[[nodiscard]] std::string_view to_string(Operation operation);

// For a response other than 200. `now` is the time to which an HTTP date in Retry-After is compared.
[[nodiscard]] Error vault_error(const KeyTarget& target, Operation operation, const http::ClientResponse& response,
                                Timestamp now);

// For a vault that was not reached. It returns what kms::transport_error does, and has reasons of its own where the
// host's name is unknown or leads to an address that is not public.
[[nodiscard]] Error vault_transport_error(const http::TransportError& failure, const KeyTarget& target);

// KeyUnreachable, for a 200 that is not a response of Key Vault's.
[[nodiscard]] Error unreadable_response(const KeyTarget& target, Operation operation,
                                        const http::ClientResponse& response, std::string_view what);

}  // namespace latchkey::clouds::azure
