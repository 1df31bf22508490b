// The settings of `latchkey serve`. The table in settings.cpp describes each once; the parser, the LATCHKEY_* names and
// the annotated example (`latchkey serve --print-config`, docs/latchkey.example.toml) all come from it. The order of
// precedence is: --set and flags, LATCHKEY_<SECTION>_<NAME>, the file, the default.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.hpp"
#include "base/result.hpp"
#include "kms/cloud.hpp"
#include "kms/validation.hpp"
#include "server/clouds.hpp"

namespace latchkey::server {

// Instead of a proxy: the ones of the environment.
inline constexpr std::string_view kEnvironmentProxy = "environment";

struct CloudConfig {
  const kms::Cloud* cloud;
  kms::SettingValues values;
};

struct ServerConfig {
  // [server]
  std::string address;
  std::uint16_t port = 0;
  std::string health_address;  // empty: no listener for health
  std::uint16_t health_port = 0;
  std::string tls_certificate_file;
  std::string tls_private_key_file;
  bool behind_tls_proxy = false;
  unsigned threads = 0;
  std::size_t max_connections = 0;
  std::size_t max_connections_per_address = 0;
  std::size_t max_body_bytes_held = 0;
  std::size_t max_json_body = 0;
  std::size_t max_raw_body = 0;
  std::chrono::milliseconds request_timeout{};
  // [store]
  std::string database;
  std::chrono::milliseconds query_timeout{};
  // [root_key]
  std::string root_key_file;
  // The clouds that the server knows, each with its own section.
  std::vector<CloudConfig> clouds;
  // [outbound]
  std::string proxy;  // or kEnvironmentProxy
  std::string no_proxy;
  std::string ca_file;
  // [keyring]
  std::chrono::milliseconds lease_soft{};
  std::chrono::milliseconds lease_hard{};
  std::chrono::milliseconds most_soft{};
  std::chrono::milliseconds most_loan{};
  std::chrono::milliseconds kms_timeout{};
  unsigned kms_calls_per_10s = 0;
  bool lend_data_keys = true;
  // [health]
  std::chrono::milliseconds health_interval{};
  std::chrono::milliseconds health_retry{};
  std::chrono::milliseconds health_retry_longest{};
  std::chrono::milliseconds health_unreachable_after{};
  std::chrono::milliseconds health_settle{};
  // [data_keys]
  std::chrono::milliseconds data_key_max_age{};
  std::int64_t data_key_max_records = 0;
  std::int64_t data_key_max_bytes = 0;
  // [rewrap]
  unsigned rewrap_calls_per_second = 0;
  // [webhooks]
  bool webhook_private_addresses = false;
  std::string webhook_proxy;  // or kEnvironmentProxy
  std::string webhook_no_proxy;
  std::string webhook_ca_file;
  unsigned webhook_tests_per_minute = 0;
  // [metrics]
  std::string metrics_token_file;
  bool metrics_per_data_key = false;
  // [keys]
  kms::OrganizationBinding organization_binding = kms::OrganizationBinding::Warn;
  std::string binding_slug;
  unsigned validations_per_minute = 0;
  // [limits]
  std::uint32_t data_per_key = 0;
  std::uint32_t data_per_organization = 0;
  std::uint32_t reads_per_key = 0;
  std::uint32_t reads_per_organization = 0;
  std::uint32_t writes_per_key = 0;
  std::uint32_t writes_per_organization = 0;
  std::uint32_t unknown_keys_per_address = 0;
  // [quotas]
  std::size_t most_external_keys = 0;
  std::size_t most_live_workspaces = 0;
  std::size_t most_workspaces = 0;
  std::size_t most_api_keys = 0;
  // [activity]
  std::chrono::days activity_retention{};
  // [log]
  std::string log_level;
  bool log_json = false;
};

// "section.name" to value, as from --set and flags.
using ConfigOverrides = std::map<std::string, std::string>;
// Looks a variable of the environment up; absent where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string&)>;

// All defaults of a server that knows these clouds.
[[nodiscard]] ServerConfig default_server_config(const Clouds& known = clouds());
// The values of a cloud's settings in `config`; empty where the server does not know the cloud.
[[nodiscard]] kms::SettingValues cloud_settings(const ServerConfig& config, std::string_view type);

// Reads `toml_path` (empty: no file), the environment and the overrides. Invalid with the place (file:line, variable or
// flag) and what would be right, for an unknown name too.
[[nodiscard]] Result<ServerConfig> load_server_config(const std::string& toml_path,
                                                      const EnvironmentLookup& environment,
                                                      const ConfigOverrides& overrides, const Clouds& known = clouds());

// Sets these on top of `config`, and checks the whole. Invalid with the setting's name.
[[nodiscard]] Result<void> apply_overrides(ServerConfig& config, const ConfigOverrides& overrides);

// Refuses settings that do not fit together: a certificate without its key, two credentials, hard below soft.
// load_server_config calls it.
[[nodiscard]] Result<void> check_server_config(const ServerConfig& config);

// The annotated TOML example: every setting with its meaning, its variable and its default.
[[nodiscard]] std::string annotated_server_config(const Clouds& known = clouds());

using latchkey::parse_duration;

}  // namespace latchkey::server
