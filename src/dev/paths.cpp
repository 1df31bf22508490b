#include "dev/paths.hpp"

#include <cstdlib>

namespace latchkey::dev {

namespace {
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string data_home() {
  auto base = variable("XDG_DATA_HOME");
  return base.empty() ? variable("HOME") + "/.local/share" : base;
}
}  // namespace

std::string default_dev_dir() {
  return data_home() + "/latchkey/dev";
}

std::string default_emulator_dir() {
  return data_home() + "/latchkey/azure";
}

std::string dev_env_file(const std::string& data_dir) {
  return data_dir + "/dev.env";
}
std::string azure_env_file(const std::string& data_dir) {
  return data_dir + "/azure.env";
}

}  // namespace latchkey::dev
