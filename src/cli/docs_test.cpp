// The docs name what the code can say.
#include <regex>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/testing/source_folder.hpp"

namespace latchkey::cli {
namespace {

std::string read(const std::string& path) {
  auto text = read_file(latchkey::testing::source_path(path), 1 << 20);
  EXPECT_TRUE(text) << text.error().message;
  return text ? text.value() : "";
}

// Every `kName = "code"` of a header.
std::vector<std::string> codes_of(const std::string& header) {
  auto text = read(header);
  std::vector<std::string> codes;
  std::regex constant(R"re(std::string_view k\w+\s*=\s*"(\w+)")re");
  for (std::sregex_iterator it(text.begin(), text.end(), constant), end; it != end; ++it) codes.push_back((*it)[1]);
  return codes;
}

TEST(Docs, NameEveryErrorCode) {
  auto page = read("docs/errors.md");
  auto codes = codes_of("src/api/error_body.hpp");
  EXPECT_GT(codes.size(), 3U);
  for (const auto& code : codes) EXPECT_NE(page.find("`" + code + "`"), std::string::npos) << code;
}

}  // namespace
}  // namespace latchkey::cli
