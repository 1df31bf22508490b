#include "server/settings.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <boost/algorithm/string.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "base/duration.hpp"
#include "http/proxy.hpp"
#include "http/url.hpp"

namespace latchkey::server {

namespace {

Error wrong(std::string expected, const std::string& got) {
  return Error{ErrorCode::Invalid, fmt::format("expected {}, got \"{}\"", expected, got.substr(0, 80))};
}

auto text(std::string ServerConfig::*member) {
  return [member](ServerConfig& config, const std::string& value) -> Result<void> {
    config.*member = value;
    return success();
  };
}

template <class Number>
auto number(Number ServerConfig::*member, Number low, Number high) {
  return [=](ServerConfig& config, const std::string& value) -> Result<void> {
    Number parsed{};
    auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (status != std::errc() || end != value.data() + value.size() || parsed < low || parsed > high) {
      return wrong(fmt::format("a whole number from {} to {}", low, high), value);
    }
    config.*member = parsed;
    return success();
  };
}

auto duration(std::chrono::milliseconds ServerConfig::*member) {
  return [member](ServerConfig& config, const std::string& value) -> Result<void> {
    LATCHKEY_TRY(auto parsed, parse_duration(value));
    config.*member = parsed;
    return success();
  };
}

auto flag(bool ServerConfig::*member) {
  return [member](ServerConfig& config, const std::string& value) -> Result<void> {
    if (value != "true" && value != "false") return wrong("true or false", value);
    config.*member = value == "true";
    return success();
  };
}

Result<void> set_binding(ServerConfig& config, const std::string& value) {
  if (value == "off") {
    config.organization_binding = kms::OrganizationBinding::Off;
  } else if (value == "warn") {
    config.organization_binding = kms::OrganizationBinding::Warn;
  } else if (value == "require") {
    config.organization_binding = kms::OrganizationBinding::Require;
  } else {
    return wrong("off, warn or require", value);
  }
  return success();
}

// Longer than the other durations, and in days alone: hours of a feed that auditors read would be a mistake.
Result<void> set_retention(ServerConfig& config, const std::string& value) {
  constexpr int kMost = 36'525;
  int days = 0;
  auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), days);
  bool whole = status == std::errc() && std::string_view(end, value.data() + value.size()) == "d";
  if (!whole || days < 1 || days > kMost) return wrong(fmt::format("days, from 1d to {}d", kMost), value);
  config.activity_retention = std::chrono::days(days);
  return success();
}

Result<void> set_log_format(ServerConfig& config, const std::string& value) {
  if (value != "text" && value != "json") return wrong("text or json", value);
  config.log_json = value == "json";
  return success();
}

Result<void> set_log_level(ServerConfig& config, const std::string& value) {
  static const std::vector<std::string> kLevels{"trace", "debug", "info", "warn", "error", "off"};
  if (std::find(kLevels.begin(), kLevels.end(), value) == kLevels.end()) {
    return wrong("trace, debug, info, warn, error or off", value);
  }
  config.log_level = value;
  return success();
}

Result<std::string> read_address(const std::string& value, std::string_view port_setting) {
  auto text = boost::to_lower_copy(boost::trim_copy(value));
  if (text == "localhost") text = "127.0.0.1";
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  boost::system::error_code failed;
  auto address = boost::asio::ip::make_address(text, failed);
  if (failed) {
    return wrong(
        fmt::format("an IP address such as 127.0.0.1, 0.0.0.0 or ::, without a port (that is {})", port_setting),
        value);
  }
  return address.to_string();
}

Result<void> set_address(ServerConfig& config, const std::string& value) {
  LATCHKEY_TRY(config.address, read_address(value, "server.port"));
  return success();
}

Result<void> set_health_address(ServerConfig& config, const std::string& value) {
  config.health_address.clear();
  if (value.empty()) return success();
  LATCHKEY_TRY(config.health_address, read_address(value, "server.health_port"));
  return success();
}

// A cloud's own; its place in the list of clouds is the one in the config's.
Setting setting_of(const kms::Cloud& cloud, std::size_t place, const kms::SettingSpec& spec) {
  auto set = [place, name = spec.name, read = spec.read](ServerConfig& config,
                                                         const std::string& value) -> Result<void> {
    auto& values = config.clouds.at(place).values;
    if (!read) {
      values[name] = value;
      return success();
    }
    LATCHKEY_TRY(values[name], read(value));
    return success();
  };
  return {std::string(cloud.type()), spec.name, spec.meaning, spec.fallback, spec.quoted, std::move(set)};
}

std::vector<Setting> settings_of(const Clouds& clouds) {
  std::vector<Setting> settings;
  for (std::size_t place = 0; place < clouds.size(); ++place) {
    for (const auto& spec : clouds[place]->settings()) settings.push_back(setting_of(*clouds[place], place, spec));
  }
  return settings;
}

// The value is not repeated: it may hold a password.
auto proxy(std::string ServerConfig::*member) {
  return [member](ServerConfig& config, const std::string& value) -> Result<void> {
    auto text = boost::trim_copy(value);
    if (text != kEnvironmentProxy) {
      LATCHKEY_TRYV(http::check_proxy(text));
    }
    config.*member = std::move(text);
    return success();
  };
}

std::vector<Setting> settings_before_the_clouds() {
  using C = ServerConfig;
  constexpr std::size_t kMebibyte = std::size_t{1024} * 1024;
  return {
      {"server", "address", "The address to listen on. Anything but loopback wants TLS, here or in front.", "127.0.0.1",
       true, set_address},
      {"server", "port", "The port to listen on; 0 takes any free one.", "8600", false,
       number<std::uint16_t>(&C::port, 0, 65535)},
      {"server", "health_address",
       "A second address for /healthz and /readyz alone, with connections of its own, for your probes. It speaks TLS "
       "where\n"
       "server.address does. Empty: there is none.",
       "", true, set_health_address},
      {"server", "health_port", "The port of server.health_address; 0 takes any free one.", "8599", false,
       number<std::uint16_t>(&C::health_port, 0, 65535)},
      {"server", "tls_certificate_file", "PEM file with the certificate chain, leaf first. Empty: plain HTTP.", "",
       true, text(&C::tls_certificate_file)},
      {"server", "tls_private_key_file", "PEM file with the private key of that certificate.", "", true,
       text(&C::tls_private_key_file)},
      {"server", "behind_tls_proxy",
       "Whether a proxy in front does TLS, and nobody else reaches the port. Without it, the server refuses plain HTTP "
       "on any\n"
       "address but loopback, because API keys, plaintexts and leased data keys go over it.",
       "false", false, flag(&C::behind_tls_proxy)},
      {"server", "threads", "Threads that serve connections.", "2", false, number<unsigned>(&C::threads, 1, 256)},
      {"server", "max_connections", "The most connections at once; the server tells others to come back.", "4096",
       false, number<std::size_t>(&C::max_connections, 1, 1'000'000)},
      {"server", "max_connections_per_address",
       "The most of these from one address (a /64 of IPv6). 0: an eighth of them until a request from there had a "
       "valid key,\n"
       "then a half. The server does not count by address where server.behind_tls_proxy is true: all come from the "
       "proxy then.",
       "0", false, number<std::size_t>(&C::max_connections_per_address, 0, 1'000'000)},
      {"server", "max_body_bytes_held",
       "The most bytes of request bodies that the server holds at once, at most half for one organisation. A request "
       "that would\n"
       "exceed it waits up to 5 s and then gets 503. The server's memory may grow to about four times as much.",
       "268435456", false,
       number<std::size_t>(&C::max_body_bytes_held, kMebibyte, std::size_t{1024} * 1024 * kMebibyte)},
      {"server", "max_json_body", "The most bytes of a JSON body.", "1048576", false,
       number<std::size_t>(&C::max_json_body, 1024, 64 * kMebibyte)},
      {"server", "max_raw_body", "The most bytes of an application/octet-stream body of encrypt and decrypt.",
       "16777216", false, number<std::size_t>(&C::max_raw_body, 1024, 1024 * kMebibyte)},
      {"server", "request_timeout", "The longest that a data plane request may take.", "25s", true,
       duration(&C::request_timeout)},
      {"store", "database", "The SQLite file with everything that must not be lost. Back it up.",
       "/var/lib/latchkey/latchkey.db", true, text(&C::database)},
      {"store", "query_timeout",
       "The longest that one read of the database may take, with the wait for its turn; a write may take three times "
       "as long.\n"
       "A request that takes longer gets 503 and changes nothing.",
       "10s", true, duration(&C::query_timeout)},
      {"root_key", "file",
       "The platform's own root keys: they wrap the data keys of workspaces without a customer's key, and seal the "
       "rows of the\n"
       "database. The server makes the file at the first start. Whoever has the file and the database can read that "
       "data: keep\n"
       "it apart from the database and its backups, and back it up.",
       "/etc/latchkey/root.key", true, text(&C::root_key_file)},
  };
}

std::vector<Setting> settings_behind_the_clouds() {
  using C = ServerConfig;
  constexpr std::uint32_t kMostRate = 1'000'000'000;
  constexpr std::size_t kMostRows = 1'000'000;
  return {
      {"outbound", "proxy",
       "The proxy for all calls to customers' clouds: http://[USER:PASSWORD@]HOST:PORT; \"environment\": the one of "
       "HTTPS_PROXY,\nexcept for the hosts of NO_PROXY, as curl reads both. Empty: none.",
       std::string(kEnvironmentProxy), true, proxy(&C::proxy)},
      {"outbound", "no_proxy",
       "The hosts that the server calls without that proxy, in the form of NO_PROXY: .example.com,10.0.0.0/8", "", true,
       text(&C::no_proxy)},
      {"outbound", "ca_file", "PEM file of the authorities to trust for these calls. Empty: the system's.", "", true,
       text(&C::ca_file)},
      {"keyring", "lend_data_keys",
       "Whether programs with service and workspace keys may lease data keys, to encrypt on their own machines. false: "
       "all data\n"
       "goes through this server.",
       "true", false, flag(&C::lend_data_keys)},
      {"keyring", "soft",
       "The age up to which the server uses an unwrapped data key without asking the customer's key again: the time "
       "within\n"
       "which a revocation takes effect.",
       "60s", true, duration(&C::lease_soft)},
      {"keyring", "hard",
       "The age up to which a lease bridges an outage of the customer's vault. The same as soft: no outage is bridged.",
       "60m", true, duration(&C::lease_hard)},
      {"keyring", "most_soft",
       "The longest soft age that an organisation may set for itself; the server's own is always allowed. Longer ages "
       "that were\n"
       "set before count as this one.",
       "5m", true, duration(&C::most_soft)},
      {"keyring", "most_loan",
       "The longest that a program may use a leased data key before it asks for the key again, whatever soft is. Every "
       "5 s it\n"
       "asks whether its lease still holds.",
       "60s", true, duration(&C::most_loan)},
      {"keyring", "kms_timeout", "The longest that one wrap or unwrap may take, with its retries.", "10s", true,
       duration(&C::kms_timeout)},
      {"keyring", "kms_calls_per_10s",
       "The most calls to one vault that begin in any 10 s; the others wait. Key Vault allows 1,000 to an RSA key of "
       "3,072 bits,\n"
       "500 to one of 4,096 bits, and half of that in HSMs.",
       "900", false, number<unsigned>(&C::kms_calls_per_10s, 1, 100'000)},
      {"health", "interval",
       "How long a customer's key may go unused before the server checks it by itself, with one wrap and one unwrap. "
       "0s: the\n"
       "server checks no keys, and learns from the next request for a key that it works again.",
       "5m", true, duration(&C::health_interval)},
      {"health", "retry",
       "How soon the server checks a key again that refuses or fails: the time within which service returns.", "10s",
       true, duration(&C::health_retry)},
      {"health", "retry_longest", "The longest time between two such checks; the time doubles up to it.", "60s", true,
       duration(&C::health_retry_longest)},
      {"health", "unreachable_after",
       "A key is unreachable after this long without a response, and three tries; until then it is degraded.", "2m",
       true, duration(&C::health_unreachable_after)},
      {"health", "settle", "How long a degraded key must work until it is healthy.", "60s", true,
       duration(&C::health_settle)},
      {"data_keys", "max_age",
       "The age at which a new data key replaces a workspace's data key for what is encrypted from then on.", "720h",
       true, duration(&C::data_key_max_age)},
      {"data_keys", "max_records", "The same, after so many records.", "4294967296", false,
       number<std::int64_t>(&C::data_key_max_records, 1, std::int64_t{1} << 40)},
      {"data_keys", "max_bytes", "The same, after so many bytes of plaintext.", "70368744177664", false,
       number<std::int64_t>(&C::data_key_max_bytes, 1, std::int64_t{1} << 50)},
      {"rewrap", "calls_per_second",
       "The most calls a second to one vault, one at a time, while the server rewraps data keys to a key's newest "
       "version; each\n"
       "data key takes three.",
       "10", false, number<unsigned>(&C::rewrap_calls_per_second, 1, 1000)},
      {"webhooks", "allow_private_addresses",
       "Whether the server may send events to http://, loopback and private addresses, too. For development alone, "
       "because\n"
       "admins of organisations choose the addresses.",
       "false", false, flag(&C::webhook_private_addresses)},
      {"webhooks", "proxy",
       "The proxy for events, as outbound.proxy. It looks the names up, so it must refuse your own networks. Empty: "
       "none.",
       "", true, proxy(&C::webhook_proxy)},
      {"webhooks", "no_proxy", "As outbound.no_proxy. What is asked directly must have a public address.", "", true,
       text(&C::webhook_no_proxy)},
      {"webhooks", "ca_file", "PEM file of the authorities to trust when events are sent. Empty: the system's.", "",
       true, text(&C::webhook_ca_file)},
      {"webhooks", "tests_per_minute", "The most test events to one endpoint in a minute, one at a time.", "6", false,
       number<unsigned>(&C::webhook_tests_per_minute, 1, 100'000)},
      {"metrics", "token_file",
       "A file with the token that Prometheus sends for /metrics (authorization: Bearer). Empty: there are no metrics.",
       "", true, text(&C::metrics_token_file)},
      {"metrics", "per_data_key",
       "Whether the metrics count uses for each workspace and data key, up to 10,000 of them, instead of in sum.",
       "false", false, flag(&C::metrics_per_data_key)},
      {"keys", "organization_binding",
       "Whether a customer's key must bear the tag <binding_slug>-org-<organisation uuid> = true: off, warn or "
       "require.",
       "warn", true, set_binding},
      {"keys", "validations_per_minute",
       "The most validations of one external key that admins may begin in a minute, one at a time; attaching it does "
       "not count.",
       "6", false, number<unsigned>(&C::validations_per_minute, 1, 100'000)},
      {"keys", "binding_slug", "The first part of that tag's name.", "latchkey", true, text(&C::binding_slug)},
      {"limits", "data_per_key",
       "The most encrypts, decrypts and leases with one API key in a second; further requests get 429 and retry-after. "
       "About\n"
       "half of what this machine serves is a good value where organizations must not disturb each other.",
       "50000", false, number<std::uint32_t>(&C::data_per_key, 1, kMostRate)},
      {"limits", "data_per_organization", "The same for all keys of an organization together.", "100000", false,
       number<std::uint32_t>(&C::data_per_organization, 1, kMostRate)},
      {"limits", "reads_per_key", "The most GETs of the Admin API and the activity feed with one key in a minute.",
       "3000", false, number<std::uint32_t>(&C::reads_per_key, 1, kMostRate)},
      {"limits", "reads_per_organization", "The same for all keys of an organization together.", "6000", false,
       number<std::uint32_t>(&C::reads_per_organization, 1, kMostRate)},
      {"limits", "writes_per_key",
       "The most changes, validations and tests with one admin key in a minute. Suspensions and shreds have as many of "
       "their own.",
       "600", false, number<std::uint32_t>(&C::writes_per_key, 1, kMostRate)},
      {"limits", "writes_per_organization", "The same for all keys of an organization together.", "1200", false,
       number<std::uint32_t>(&C::writes_per_organization, 1, kMostRate)},
      {"limits", "unknown_keys_per_address",
       "The most unknown API keys from one address (a /64 of IPv6) in a minute; the same key counts once in 10 s. The "
       "server\n"
       "does not count by address where server.behind_tls_proxy is true: all requests come from the proxy then.",
       "600", false, number<std::uint32_t>(&C::unknown_keys_per_address, 1, kMostRate)},
      {"quotas", "external_keys", "The most external keys of one organization.", "1000", false,
       number<std::size_t>(&C::most_external_keys, 1, kMostRows)},
      {"quotas", "live_workspaces", "The most workspaces of one organization that are not archived.", "100", false,
       number<std::size_t>(&C::most_live_workspaces, 1, kMostRows)},
      {"quotas", "workspaces", "The most workspaces of one organization, archived ones included.", "10000", false,
       number<std::size_t>(&C::most_workspaces, 1, kMostRows)},
      {"quotas", "api_keys", "The most API keys of one organization that are not revoked.", "1000", false,
       number<std::size_t>(&C::most_api_keys, 1, kMostRows)},
      {"activity", "retention",
       "The server erases activities older than this, in days; nothing else erases them. Export them before, where you "
       "must keep\n"
       "them for longer.",
       "2557d", true, set_retention},
      {"log", "level", "trace, debug, info, warn, error or off.", "info", true, set_log_level},
      {"log", "format", "text for people or json for collectors; one line an event, on standard error.", "text", true,
       set_log_format},
  };
}

}  // namespace

std::string Setting::variable() const {
  return boost::to_upper_copy(fmt::format("LATCHKEY_{}_{}", section, name));
}

std::vector<Setting> server_settings(const Clouds& clouds) {
  auto settings = settings_before_the_clouds();
  for (auto part : {settings_of(clouds), settings_behind_the_clouds()}) {
    std::ranges::move(part, std::back_inserter(settings));
  }
  return settings;
}

}  // namespace latchkey::server
