// Files of `export NAME='value'` lines, for a shell to source and for this program to read again.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace latchkey::dev {

using EnvironmentLines = std::vector<std::pair<std::string, std::string>>;

// Replaces the file as a whole (temporary file, fsync, rename), mode 0600. Invalid for a value with a line break.
[[nodiscard]] Result<void> write_env_file(const std::string& path, std::string_view heading,
                                          const EnvironmentLines& lines);
// Returns the names and values; empty where the file does not exist. Skips lines of another shape.
[[nodiscard]] Result<std::map<std::string, std::string>> read_env_file(const std::string& path);

}  // namespace latchkey::dev
