#include "cli/dev_paths.hpp"

#include <cstdlib>

namespace latchkey::cli {

namespace {
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}
}  // namespace

std::string default_dev_dir() {
  auto base = variable("XDG_DATA_HOME");
  if (base.empty()) base = variable("HOME") + "/.local/share";
  return base + "/latchkey/dev";
}

std::string dev_env_file(const std::string& data_dir) {
  return data_dir + "/dev.env";
}
std::string azure_env_file(const std::string& data_dir) {
  return data_dir + "/azure.env";
}

}  // namespace latchkey::cli
