// Reads the server's own credentials from the files that its settings name. The server reads them once, at its start,
// so that it refuses at once what cannot work, and names the setting.
#pragma once

#include <memory>
#include <optional>

#include "crypto/credential_files.hpp"
#include "crypto/secret.hpp"
#include "http/server.hpp"
#include "server/config.hpp"

namespace latchkey::server {

using crypto::in_setting;

// The token that a scraper of metrics sends; null where there is none.
[[nodiscard]] Result<std::shared_ptr<const crypto::SecretBytes>> metrics_token_of(const ServerConfig& config);
// The server's own certificate; absent where it speaks plain HTTP.
[[nodiscard]] Result<std::optional<http::TlsFiles>> server_tls(const ServerConfig& config);

}  // namespace latchkey::server
