// Turns Entra ID's refusals (AADSTS codes) into our errors.
#pragma once

#include "clouds/azure/provider/entra_protocol.hpp"

namespace latchkey::clouds::azure {

// For a response other than 200.
[[nodiscard]] Error entra_error(const TokenTarget& target, const http::ClientResponse& response, Timestamp now);

}  // namespace latchkey::clouds::azure
