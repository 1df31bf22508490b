// The table of the settings of `latchkey serve`, each described once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/config.hpp"

namespace latchkey::server {

// One setting: where it stands, what it means, its default as text, and how its text becomes a value. Lists are
// comma-separated in text form. Every value passes through text, so that file, variable and flag are read alike.
struct Setting {
  std::string section;
  std::string name;
  std::string meaning;  // one or more lines
  std::string fallback;
  bool quoted = true;  // in TOML
  std::function<Result<void>(ServerConfig&, const std::string&)> set;

  [[nodiscard]] std::string full_name() const { return section + "." + name; }
  [[nodiscard]] std::string variable() const;
};

// All of a server with these clouds, in the order in which they are shown. Those of the clouds are for a config that
// has the same ones.
[[nodiscard]] std::vector<Setting> server_settings(const Clouds& clouds);

}  // namespace latchkey::server
