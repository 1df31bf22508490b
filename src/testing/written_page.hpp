// Checks pages of docs/ that are made from the code that they describe.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::testing {

inline bool writes_docs() {
  const char* write = std::getenv("LATCHKEY_WRITE_DOCS");
  return write != nullptr && std::string_view(write) == "1";
}

// Fails where the content of the file (a path from the top of the source) is not `text`. With LATCHKEY_WRITE_DOCS=1 it
// writes the file instead: LATCHKEY_WRITE_DOCS=1 ctest --test-dir build/debug -R ThePageIsMade
inline void expect_written(const std::string& path, const std::string& text) {
  std::string file = source_path(path);
  if (writes_docs()) {
    auto written = write_file_durably(file, text, 0644);
    ASSERT_TRUE(written) << written.error().message();
    return;
  }
  auto found = read_file(file, std::size_t{1} << 22U);
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_TRUE(found.value() == text) << path
                                     << " is not what the code says; write it again: LATCHKEY_WRITE_DOCS=1 ctest "
                                        "--test-dir build/debug -R ThePageIsMade";
}

// The same for one section, which begins with its heading ("## Unwrap\n") and ends at the next heading of that rank or
// at the end of the file. A missing section is written behind the others.
inline void expect_section_written(const std::string& path, const std::string& section) {
  auto page = read_file(source_path(path), std::size_t{1} << 22U);
  ASSERT_TRUE(page) << page.error().message();
  auto heading = section.substr(0, section.find('\n') + 1);
  auto begin = page.value().find("\n" + heading);
  begin = begin == std::string::npos ? page.value().size() : begin + 1;
  auto end = page.value().find("\n## ", begin);
  end = end == std::string::npos ? page.value().size() : end + 1;
  auto wanted = page.value();
  wanted.replace(begin, end - begin, section);
  expect_written(path, wanted);
}

}  // namespace latchkey::testing
