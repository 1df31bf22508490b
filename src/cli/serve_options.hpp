// The options by which `serve`, `org` and `root-key` find their settings.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "server/config.hpp"

namespace latchkey::cli {

struct ServeOptions {
  std::string config_file;
  std::string database;
  std::string root_key;
  std::vector<std::string> settings;  // "section.name=value"
};

// Adds --config, --database, --root-key and --set.
void add_config_options(CLI::App& command, ServeOptions& options);

// Reads the settings from the file, the environment and the options; see load_server_config.
[[nodiscard]] Result<server::ServerConfig> load_config(const ServeOptions& options);

}  // namespace latchkey::cli
