// The two clients by which the server reaches out: to the clouds' key management, and to the tenants' webhooks. Each
// has a proxy and certificate authorities of its own.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "http/client.hpp"
#include "server/config.hpp"

namespace latchkey::server {

// Errors name the setting that is wrong.
[[nodiscard]] Result<std::unique_ptr<http::Client>> outbound_client(const ServerConfig& config);
[[nodiscard]] Result<std::unique_ptr<http::Client>> webhook_client(const ServerConfig& config);

}  // namespace latchkey::server
