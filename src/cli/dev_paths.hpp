// Where `latchkey dev` keeps what it makes.
#pragma once

#include <string>

namespace latchkey::cli {

// $XDG_DATA_HOME/latchkey/dev, or ~/.local/share/latchkey/dev.
[[nodiscard]] std::string default_dev_dir();
[[nodiscard]] std::string dev_env_file(const std::string& data_dir);
[[nodiscard]] std::string azure_env_file(const std::string& data_dir);

}  // namespace latchkey::cli
