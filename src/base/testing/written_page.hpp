// Pages of docs/ that are made by the code they describe.
#pragma once

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/file.hpp"

namespace latchkey::testing {

// Fails where the file (a path from the top of the source) is not `text`. With LATCHKEY_WRITE_DOCS=1 it is written
// instead: LATCHKEY_WRITE_DOCS=1 ctest --test-dir build/debug -R ThePageIsMade
inline void expect_written(const std::string& path, const std::string& text) {
  std::string file = std::string(LATCHKEY_SOURCE_DIR "/") + path;
  const char* write = std::getenv("LATCHKEY_WRITE_DOCS");
  if (write != nullptr && std::string_view(write) == "1") {
    auto written = write_file_durably(file, text, 0644);
    ASSERT_TRUE(written) << written.error().message;
    return;
  }
  auto found = read_file(file, std::size_t{1} << 22U);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found.value() == text) << path
                                     << " is not what the code says; write it again: LATCHKEY_WRITE_DOCS=1 ctest "
                                        "--test-dir build/debug -R ThePageIsMade";
}

}  // namespace latchkey::testing
