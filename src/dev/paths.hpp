// Where `latchkey dev` and `latchkey emulator azure` keep what they make.
#pragma once

#include <string>

namespace latchkey::dev {

// $XDG_DATA_HOME/latchkey/dev, or ~/.local/share/latchkey/dev.
[[nodiscard]] std::string default_dev_dir();
// The same for the emulator alone: .../latchkey/azure.
[[nodiscard]] std::string default_emulator_dir();
[[nodiscard]] std::string dev_env_file(const std::string& data_dir);
[[nodiscard]] std::string azure_env_file(const std::string& data_dir);

}  // namespace latchkey::dev
