// Where `latchkey dev` and the emulators keep what they make.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::dev {

// $XDG_DATA_HOME/latchkey/NAME, or ~/.local/share/latchkey/NAME.
[[nodiscard]] std::string default_data_dir(std::string_view name);
// Of `latchkey dev`.
[[nodiscard]] std::string default_dev_dir();
[[nodiscard]] std::string dev_env_file(const std::string& data_dir);

}  // namespace latchkey::dev
