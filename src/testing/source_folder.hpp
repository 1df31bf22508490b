// Finds the source and build folders of the tests. Test code only.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::testing {

// Resolves `path` from the top of the source.
std::string source_path(std::string_view path);

// Resolves `path` from the top of the build folder.
std::string build_path(std::string_view path);

}  // namespace latchkey::testing
