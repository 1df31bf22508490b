#include "server/config.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <boost/algorithm/string.hpp>
#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <toml++/toml.h>

#include "admin/lease_policies.hpp"
#include "server/settings.hpp"

namespace latchkey::server {

namespace {

const Setting* find_setting(std::string_view full_name) {
  for (const auto& setting : server_settings()) {
    if (setting.full_name() == full_name) return &setting;
  }
  return nullptr;
}

Error at(std::string_view place, const Error& error) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", place, error.message())};
}

Error unknown_setting(std::string_view place, std::string_view name) {
  return Error{
      ErrorCode::Invalid,
      fmt::format("{}: there is no setting \"{}\"; `latchkey serve --print-config` lists them all", place, name)};
}

// A TOML value as the text that a variable would have.
Result<std::string> toml_text(const toml::node& node) {
  if (const auto* string = node.as_string()) return string->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* boolean = node.as_boolean()) return std::string(boolean->get() ? "true" : "false");
  if (const auto* array = node.as_array()) {
    std::vector<std::string> items;
    for (const auto& item : *array) {
      if (!item.is_string()) return Error{ErrorCode::Invalid, "expected a list of strings"};
      items.push_back(item.as_string()->get());
    }
    return boost::join(items, ",");
  }
  return Error{ErrorCode::Invalid, "expected a string, a whole number, true or false, or a list of strings"};
}

Result<void> apply_section(ServerConfig& config, const std::string& path, std::string_view section,
                           const toml::table& table) {
  for (const auto& [key, node] : table) {
    auto place = fmt::format("{}:{}", path, node.source().begin.line);
    auto name = fmt::format("{}.{}", section, key.str());
    const auto* setting = find_setting(name);
    if (setting == nullptr) return unknown_setting(place, name);
    auto value = toml_text(node);
    if (!value) return at(fmt::format("{} ({})", place, name), value.error());
    auto done = setting->set(config, value.value());
    if (!done) return at(fmt::format("{} ({})", place, name), done.error());
  }
  return success();
}

Result<void> apply_file(ServerConfig& config, const std::string& path) {
  toml::table root;
  try {
    root = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return Error{ErrorCode::Invalid,
                 fmt::format("{}:{}: {}", path, error.source().begin.line, std::string(error.description()))};
  }
  for (const auto& [key, node] : root) {
    const auto* table = node.as_table();
    if (table == nullptr) {
      return unknown_setting(fmt::format("{}:{}", path, node.source().begin.line), key.str());
    }
    LATCHKEY_TRYV(apply_section(config, path, key.str(), *table));
  }
  return success();
}

Result<void> check_listeners(const ServerConfig& config) {
  if (config.tls_certificate_file.empty() != config.tls_private_key_file.empty()) {
    return Error{ErrorCode::Invalid,
                 "server.tls_certificate_file and server.tls_private_key_file go together: set both or neither"};
  }
  bool speaks_plainly = config.tls_certificate_file.empty() && !config.behind_tls_proxy;
  for (const auto& [name, text] :
       {std::pair("server.address", config.address), std::pair("server.health_address", config.health_address)}) {
    boost::system::error_code no_address;
    bool is_open = !boost::asio::ip::make_address(text, no_address).is_loopback() && !no_address;
    if (is_open && speaks_plainly) {
      return Error{ErrorCode::Invalid,
                   fmt::format("{} {} is reached from other machines, and would serve plain HTTP: set "
                               "server.tls_certificate_file and server.tls_private_key_file, or "
                               "server.behind_tls_proxy = true where something in front does TLS",
                               name, text)};
    }
  }
  if (config.health_address == config.address && config.health_port == config.port && config.port != 0) {
    return Error{ErrorCode::Invalid, "server.health_port must be another than server.port: both listen at one address"};
  }
  return success();
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::int64_t kMaxMilliseconds = std::int64_t{366} * 24 * 3600 * 1000;
  std::int64_t count = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60'000 : unit == "h" ? 3'600'000 : 0;
  if (status != std::errc() || scale == 0 || count < 0 || count > kMaxMilliseconds / scale) {
    return Error{ErrorCode::Invalid,
                 fmt::format("expected a duration such as 250ms, 60s, 10m or 2h, got \"{}\"", text.substr(0, 80))};
  }
  return std::chrono::milliseconds(count * scale);
}

ServerConfig default_server_config() {
  ServerConfig config;
  for (const auto& setting : server_settings()) {
    auto done = setting.set(config, setting.fallback);
    if (!done) std::abort();  // a default that its own parser refuses: the table above is wrong
  }
  return config;
}

Result<ServerConfig> load_server_config(const std::string& toml_path, const EnvironmentLookup& environment,
                                        const ConfigOverrides& overrides) {
  auto config = default_server_config();
  if (!toml_path.empty()) {
    LATCHKEY_TRYV(apply_file(config, toml_path));
  }
  for (const auto& setting : server_settings()) {
    auto value = environment(setting.variable());
    if (!value) continue;
    auto done = setting.set(config, *value);
    if (!done) return at(setting.variable(), done.error());
  }
  LATCHKEY_TRYV(apply_overrides(config, overrides));
  return config;
}

Result<void> apply_overrides(ServerConfig& config, const ConfigOverrides& overrides) {
  for (const auto& [name, value] : overrides) {
    const auto* setting = find_setting(name);
    if (setting == nullptr) return unknown_setting("--set", name);
    auto done = setting->set(config, value);
    if (!done) return at(fmt::format("{} (command line)", name), done.error());
  }
  return check_server_config(config);
}

Result<void> check_server_config(const ServerConfig& config) {
  auto refuse = [](std::string message) { return Error{ErrorCode::Invalid, std::move(message)}; };
  LATCHKEY_TRYV(check_listeners(config));
  if (config.max_body_bytes_held / 2 < std::max(config.max_raw_body, config.max_json_body)) {
    return refuse(
        "server.max_body_bytes_held must be at least twice server.max_raw_body and server.max_json_body: one "
        "organisation gets half of it");
  }
  if (config.query_timeout < std::chrono::milliseconds(100))
    return refuse("store.query_timeout must be at least 100ms");
  LATCHKEY_TRYV(admin::check_lease_ages({config.lease_soft, config.lease_hard}, "keyring.soft", "keyring.hard"));
  if (config.most_soft < admin::kLeastSoft || config.most_soft > admin::kMostHard) {
    return refuse("keyring.most_soft must be from 1s to 24h");
  }
  if (config.most_loan < std::chrono::seconds(1) || config.most_loan > std::chrono::hours(1)) {
    return refuse("keyring.most_loan must be from 1s to 1h");
  }
  if (config.health_retry < std::chrono::seconds(1)) return refuse("health.retry must be at least 1s");
  if (config.health_retry_longest < config.health_retry) {
    return refuse("health.retry_longest must not be below health.retry");
  }
  if (config.health_interval.count() != 0 && config.health_interval < std::chrono::seconds(1)) {
    return refuse("health.interval must be at least 1s, or 0s for no checks");
  }
  if (config.data_key_max_age < std::chrono::minutes(1)) return refuse("data_keys.max_age must be at least 1m");
  if (config.azure_sign_in_max_age < admin::kLeastSoft || config.azure_sign_in_max_age > admin::kMostHard) {
    return refuse("azure.sign_in_max_age must be from 1s to 24h");
  }
  if (config.azure_certificate_file.empty() != config.azure_private_key_file.empty()) {
    return refuse("azure.certificate_file and azure.private_key_file go together: set both or neither");
  }
  int credentials = static_cast<int>(!config.azure_client_secret_file.empty()) +
                    static_cast<int>(!config.azure_certificate_file.empty()) +
                    static_cast<int>(!config.azure_federated_token_file.empty());
  if (!config.azure_client_id.empty() && credentials != 1) {
    return refuse(
        fmt::format("azure.client_id needs exactly one credential, and {} are set: give one of "
                    "azure.federated_token_file, azure.certificate_file or azure.client_secret_file",
                    credentials));
  }
  if (config.azure_client_id.empty() && credentials != 0) {
    return refuse("an azure credential is set without azure.client_id: set the client id of your Entra app");
  }
  return success();
}

std::string annotated_server_config() {
  std::string out =
      "# The settings of `latchkey serve`, each with its default. A variable of the environment overrides the file,\n"
      "# and --set section.name=value overrides both. Durations: 250ms, 60s, 10m, 2h.\n";
  std::string section;
  for (const auto& setting : server_settings()) {
    if (setting.section != section) {
      section = setting.section;
      out += fmt::format("\n[{}]\n", section);
    }
    std::vector<std::string> lines;
    boost::split(lines, setting.meaning, boost::is_any_of("\n"));
    for (const auto& line : lines) out += fmt::format("# {}\n", line);
    out += fmt::format("# {}\n", setting.variable());
    auto quote = setting.quoted ? "\"" : "";
    out += fmt::format("{} = {}{}{}\n", setting.name, quote, setting.fallback, quote);
  }
  return out;
}

}  // namespace latchkey::server
