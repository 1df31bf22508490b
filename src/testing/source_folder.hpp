// Where the source is that the tests were built from. Test code only.
#pragma once

#include <string>
#include <string_view>

namespace latchkey::testing {

// `path`, from the top of the source.
std::string source_path(std::string_view path);

// `path`, from the top of the build folder.
std::string build_path(std::string_view path);

}  // namespace latchkey::testing
