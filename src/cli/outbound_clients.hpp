// The two clients by which the server reaches out: to the clouds' key management, and to the tenants' webhooks. Each
// has a proxy and certificate authorities of its own.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "cli/server_config.hpp"
#include "http/client.hpp"

namespace latchkey::cli {

// Errors name the setting at fault.
[[nodiscard]] Result<std::unique_ptr<http::Client>> outbound_client(const ServerConfig& config);
[[nodiscard]] Result<std::unique_ptr<http::Client>> webhook_client(const ServerConfig& config);

}  // namespace latchkey::cli
