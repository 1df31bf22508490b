#include "server/config.hpp"

#include <algorithm>
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

Clouds clouds_of(const ServerConfig& config) {
  Clouds known;
  for (const auto& each : config.clouds) known.push_back(each.cloud);
  return known;
}

const Setting* find_setting(const std::vector<Setting>& settings, std::string_view full_name) {
  auto found = std::ranges::find(settings, full_name, &Setting::full_name);
  return found == settings.end() ? nullptr : &*found;
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

Result<void> apply_section(ServerConfig& config, const std::vector<Setting>& settings, const std::string& path,
                           std::string_view section, const toml::table& table) {
  for (const auto& [key, node] : table) {
    auto place = fmt::format("{}:{}", path, node.source().begin.line);
    auto name = fmt::format("{}.{}", section, key.str());
    const auto* setting = find_setting(settings, name);
    if (setting == nullptr) return unknown_setting(place, name);
    auto value = toml_text(node);
    if (!value) return at(fmt::format("{} ({})", place, name), value.error());
    auto done = setting->set(config, value.value());
    if (!done) return at(fmt::format("{} ({})", place, name), done.error());
  }
  return success();
}

Result<void> apply_file(ServerConfig& config, const std::vector<Setting>& settings, const std::string& path) {
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
    LATCHKEY_TRYV(apply_section(config, settings, path, key.str(), *table));
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

ServerConfig default_server_config(const Clouds& known) {
  ServerConfig config;
  for (const auto* cloud : known) config.clouds.push_back({cloud, {}});
  for (const auto& setting : server_settings(known)) {
    auto done = setting.set(config, setting.fallback);
    if (!done) std::abort();  // a default that its own parser refuses: the table above is wrong
  }
  return config;
}

Result<ServerConfig> load_server_config(const std::string& toml_path, const EnvironmentLookup& environment,
                                        const ConfigOverrides& overrides, const Clouds& known) {
  auto config = default_server_config(known);
  auto settings = server_settings(known);
  if (!toml_path.empty()) {
    LATCHKEY_TRYV(apply_file(config, settings, toml_path));
  }
  for (const auto& setting : settings) {
    auto value = environment(setting.variable());
    if (!value) continue;
    auto done = setting.set(config, *value);
    if (!done) return at(setting.variable(), done.error());
  }
  LATCHKEY_TRYV(apply_overrides(config, overrides));
  return config;
}

kms::SettingValues cloud_settings(const ServerConfig& config, std::string_view type) {
  for (const auto& [cloud, values] : config.clouds) {
    if (cloud->type() == type) return values;
  }
  return {};
}

Result<void> apply_overrides(ServerConfig& config, const ConfigOverrides& overrides) {
  auto settings = server_settings(clouds_of(config));
  for (const auto& [name, value] : overrides) {
    const auto* setting = find_setting(settings, name);
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
  for (const auto& [cloud, values] : config.clouds) {
    LATCHKEY_TRYV(cloud->check(values));
  }
  return success();
}

std::string annotated_server_config(const Clouds& known) {
  std::string out =
      "# The settings of `latchkey serve`, each with its default. A variable of the environment overrides the file,\n"
      "# and --set section.name=value overrides both. Durations: 250ms, 60s, 10m, 2h.\n";
  std::string section;
  for (const auto& setting : server_settings(known)) {
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
