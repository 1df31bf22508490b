// Key Vault's refusals and faults as errors of ours: one table from status, code and inner code to code, reason and a
// message that names the cause, the cure and the request id by which Azure's support and the customer's log know it.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "clouds/azure/provider/key_target.hpp"
#include "http/client.hpp"

namespace latchkey::clouds::azure {

enum class Operation { Get, Wrap, Unwrap };

// "get", "wrapKey", "unwrapKey".
[[nodiscard]] std::string_view to_string(Operation operation);

// The answer is one that is not 200. `now` is what an HTTP date in Retry-After is measured against.
[[nodiscard]] Error vault_error(const KeyTarget& target, Operation operation, const http::ClientResponse& response,
                                Timestamp now);

// The vault was not reached: as kms::transport_error says, and that the host's name is unknown or leads to an address
// that is not public.
[[nodiscard]] Error vault_transport_error(const http::TransportError& failure, const KeyTarget& target);

// KeyUnreachable: a 200 that is not what Key Vault answers.
[[nodiscard]] Error unreadable_response(const KeyTarget& target, Operation operation,
                                        const http::ClientResponse& response, std::string_view what);

}  // namespace latchkey::clouds::azure
