// Entra ID's refusals (AADSTS codes) as errors of ours.
#pragma once

#include "clouds/azure/provider/entra_protocol.hpp"

namespace latchkey::clouds::azure {

// The answer is one that is not 200.
[[nodiscard]] Error entra_error(const TokenTarget& target, const http::ClientResponse& response, Timestamp now);

}  // namespace latchkey::clouds::azure
