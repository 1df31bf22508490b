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

std::string default_data_dir(std::string_view name) {
  return data_home() + "/latchkey/" + std::string(name);
}

std::string default_dev_dir() {
  return default_data_dir("dev");
}

std::string dev_env_file(const std::string& data_dir) {
  return data_dir + "/dev.env";
}

}  // namespace latchkey::dev
