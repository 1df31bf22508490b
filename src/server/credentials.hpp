// What `latchkey serve` proves itself with, read from the files that its settings name: once, at the start, so that
// what cannot work is refused then, with the setting's name.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "clouds/azure/provider/azure_key_provider.hpp"
#include "crypto/secret.hpp"
#include "http/server.hpp"
#include "server/config.hpp"

namespace latchkey::server {

// `error` under the name of the setting that it is about.
[[nodiscard]] Error in_setting(std::string_view setting, const Error& error);

// The token that a scraper of metrics sends; null where there is none.
[[nodiscard]] Result<std::shared_ptr<const crypto::SecretBytes>> metrics_token_of(const ServerConfig& config);
// Of the platform's app; check_server_config has seen that there is one.
[[nodiscard]] Result<clouds::azure::Credential> azure_credential(const ServerConfig& config);
// The server's own certificate; absent where it speaks plain HTTP.
[[nodiscard]] Result<std::optional<http::TlsFiles>> server_tls(const ServerConfig& config);

}  // namespace latchkey::server
