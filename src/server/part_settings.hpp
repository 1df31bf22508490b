// The settings of each part of the server, made from those of `latchkey serve`. Pure functions.
#pragma once

#include "admin/settings.hpp"
#include "api/api_service.hpp"
#include "health/health_monitor.hpp"
#include "keyring/keyring.hpp"
#include "keyring/rewrap.hpp"
#include "kms/vault_limiter.hpp"
#include "server/config.hpp"

namespace latchkey::server {

[[nodiscard]] admin::AdminSettings admin_settings(const ServerConfig& config);
[[nodiscard]] api::ApiLimits api_limits(const ServerConfig& config);
[[nodiscard]] keyring::KeyringSettings keyring_settings(const ServerConfig& config);
[[nodiscard]] keyring::RewrapSettings rewrap_settings(const ServerConfig& config);
[[nodiscard]] kms::VaultLimits vault_limits(const ServerConfig& config);
[[nodiscard]] health::MonitorSettings monitor_settings(const ServerConfig& config);

}  // namespace latchkey::server
