#include "testing/source_folder.hpp"

namespace latchkey::testing {

std::string source_path(std::string_view path) {
  return std::string(LATCHKEY_SOURCE_DIR "/").append(path);
}

std::string build_path(std::string_view path) {
  return std::string(LATCHKEY_BINARY_DIR "/").append(path);
}

}  // namespace latchkey::testing
