// The docs name what the code can say, and the tests that show what they promise.
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "testing/source_folder.hpp"

namespace latchkey::cli {
namespace {

std::string read(const std::string& path) {
  auto text = read_file(latchkey::testing::source_path(path), 1 << 20);
  EXPECT_TRUE(text) << text.error().message();
  return text ? text.value() : "";
}

// Every `ReasonEntry kName{"code"` of a header.
std::vector<std::string> codes_of(const std::string& header) {
  auto text = read(header);
  std::vector<std::string> codes;
  std::regex constant(R"re(ReasonEntry\s+k\w+\{"(\w+)")re");
  for (std::sregex_iterator it(text.begin(), text.end(), constant), end; it != end; ++it) codes.push_back((*it)[1]);
  return codes;
}

TEST(Docs, NameEveryErrorCode) {
  auto page = read("docs/errors.md");
  auto codes = codes_of("src/api/error_body.hpp");
  EXPECT_GT(codes.size(), 3U);
  for (const auto& code : codes) EXPECT_NE(page.find("`" + code + "`"), std::string::npos) << code;
}

void add_matches(const std::string& text, const std::regex& pattern, std::set<std::string>& names) {
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    std::string whole;
    for (std::size_t group = 1; group < it->size(); ++group) {
      if (!(*it)[group].matched) continue;
      names.insert((*it)[group]);
      whole += (whole.empty() ? "" : ".") + (*it)[group].str();
    }
    names.insert(whole);
  }
}

// Of the units "Suite.Test", "Suite" and "Test"; of the tests of the binary their titles.
std::set<std::string> names_of_tests() {
  const std::regex unit(R"re(\nTEST(?:_F|_P)?\((\w+),\s*(\w+)\))re");
  const std::regex single(R"re(\btest\('((?:[^'\\]|\\.)+)')re");
  const std::regex doubled(R"re(\btest\("([^"]+)")re");
  std::set<std::string> names;
  for (std::string folder : {"src", "tests/integration", "tests/conformance"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(latchkey::testing::source_path(folder))) {
      auto path = entry.path().string();
      if (path.find("/node_modules/") != std::string::npos) continue;
      bool units = path.ends_with("_test.cpp");
      if (!units && !path.ends_with(".test.mjs")) continue;
      auto text = read_file(path, 1 << 20);
      if (!text) {
        ADD_FAILURE() << text.error().message();
        continue;
      }
      add_matches(text.value(), units ? unit : single, names);
      if (!units) add_matches(text.value(), doubled, names);
    }
  }
  return names;
}

// Settings, commands, files and codes are in backticks, too: none of them looks like a test's name.
bool looks_like_a_test(const std::string& name) {
  static const std::regex other(R"re([a-z0-9_./-]+( = .*)?|latchkey .*|--.*|[A-Z][a-z]+[A-Z][a-z]+|.*/.*)re");
  return !std::regex_match(name, other);
}

std::vector<std::string> in_backticks(const std::string& text) {
  static const std::regex quoted("`([^`]+)`");
  std::vector<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), quoted), end; it != end; ++it) names.push_back((*it)[1]);
  return names;
}

// How many tests a text names; each must exist.
int tests_named(const std::string& text) {
  static const auto kTests = names_of_tests();
  EXPECT_GT(kTests.size(), 1000U);
  int named = 0;
  for (const auto& name : in_backticks(text)) {
    if (name.ends_with(".test.mjs")) {
      auto path = name.find('/') == std::string::npos ? "tests/integration/" + name : name;
      EXPECT_TRUE(std::filesystem::exists(latchkey::testing::source_path(path))) << "there is no such test: " << name;
    } else if (looks_like_a_test(name)) {
      EXPECT_TRUE(kTests.contains(name)) << "there is no such test: " << name;
    } else {
      continue;
    }
    ++named;
  }
  return named;
}

// Rows of tables, bullets, which go on in the lines that are indented, and paragraphs.
std::vector<std::string> parts_of(const std::string& page) {
  std::vector<std::string> parts;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    bool goes_on = !parts.empty() && !parts.back().empty() && !line.empty() && line.front() != '|' &&
                   line.front() != '#' && !line.starts_with("* ");
    if (goes_on) {
      parts.back() += " " + line;
    } else {
      parts.push_back(line);
    }
  }
  return parts;
}

std::vector<std::string> sentences_of(const std::string& part) {
  static const std::regex kEnd(R"re(\.\s+)re");
  return {std::sregex_token_iterator(part.begin(), part.end(), kEnd, -1), {}};
}

// The third column is what somebody cannot do.
std::string promised_in_row(const std::string& row) {
  static const std::regex kCells(R"re(\|[^|]*\|[^|]*\|([^|]*)\|)re");
  std::smatch cells;
  return std::regex_match(row, cells, kCells) ? cells[1].str() : "";
}

TEST(Docs, TheSecurityPageNamesTestsThatExist) {
  const std::regex promise(R"re(\b(cannot|never|nobody|nothing|none|no|nor|every|always)\b)re", std::regex::icase);
  const std::regex quoted("`[^`]+`");
  int promises = 0;
  for (const auto& part : parts_of(read("docs/security.md"))) {
    int named = tests_named(part);
    bool is_row = part.starts_with("| ");
    // What is said in bold is not promised.
    bool promises_nothing = part.starts_with("**") || part.starts_with("#") || part.starts_with("| who | what");
    if (promises_nothing) continue;
    if (is_row || part.starts_with("* ")) {
      ++promises;
      EXPECT_GT(named, 0) << "which test shows this? " << part;
    }
    auto sentences = sentences_of(is_row ? promised_in_row(part) : part);
    for (std::size_t i = 0; i < sentences.size(); ++i) {
      bool promises_something =
          (is_row && i == 0) || std::regex_search(std::regex_replace(sentences[i], quoted, ""), promise);
      if (promises_something) {
        EXPECT_GT(tests_named(sentences[i]), 0) << "which test shows this? " << sentences[i];
      }
    }
  }
  EXPECT_GT(promises, 15);
}

}  // namespace
}  // namespace latchkey::cli
