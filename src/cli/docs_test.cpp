// The docs name every error code, route and metric of the program, a test for each promise, and nothing that has moved.
#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

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

// The code of every `ReasonEntry kName{"code"` or `ReasonEntry kName = refused("code"`.
std::set<std::string> reasons_of(const std::string& text) {
  std::set<std::string> codes;
  std::regex entry(R"re(ReasonEntry\s+k\w+(?:\s*=\s*\w+\(|\{)\s*"(\w+)")re");
  for (std::sregex_iterator it(text.begin(), text.end(), entry), end; it != end; ++it) codes.insert((*it)[1]);
  return codes;
}

// Of all headers, but those of tests.
std::set<std::string> declared_reasons() {
  std::set<std::string> codes;
  for (const auto& file : std::filesystem::recursive_directory_iterator(latchkey::testing::source_path("src"))) {
    auto path = file.path().string();
    if (!path.ends_with(".hpp") || path.find("/testing/") != std::string::npos) continue;
    auto text = read_file(path, 1 << 20);
    if (text) codes.merge(reasons_of(text.value()));
  }
  return codes;
}

// The codes in a column (from 1) of a page's tables; a cell may have several.
std::set<std::string> codes_in_column(const std::string& page, int column) {
  std::set<std::string> codes;
  std::istringstream lines(page);
  const std::regex code("`(\\w+)`");
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ")) continue;
    std::istringstream cells(line);
    std::string cell;
    for (int i = 0; i <= column; ++i) std::getline(cells, cell, '|');
    for (std::sregex_iterator it(cell.begin(), cell.end(), code), end; it != end; ++it) codes.insert((*it)[1]);
  }
  return codes;
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += name + " ";
  return text;
}

std::set<std::string> without(std::set<std::string> all, const std::set<std::string>& some) {
  for (const auto& one : some) all.erase(one);
  return all;
}

TEST(Docs, NameEveryErrorCodeAndNoOther) {
  auto errors = read("docs/errors.md");
  auto declared = declared_reasons();
  EXPECT_GT(declared.size(), 60U);
  std::set<std::string> unnamed;
  for (const auto& code : without(declared, codes_in_column(read("docs/reasons.md"), 1))) {
    if (errors.find("`" + code + "`") == std::string::npos) unnamed.insert(code);
  }
  EXPECT_TRUE(unnamed.empty()) << "neither in errors.md nor in reasons.md: " << joined(unnamed);
  auto unknown = without(codes_in_column(errors, 1), declared);
  for (std::string_view heading : {"error_code", "reason"}) unknown.erase(std::string(heading));
  EXPECT_TRUE(unknown.empty()) << "in errors.md, and declared nowhere: " << joined(unknown);
}

TEST(Docs, TheApisTableHasEveryErrorCodeAndNoOther) {
  std::set<std::string> sent{"data_key_corrupt", "data_key_destroyed"};
  for (std::string header : {"api/error_body", "admin/reasons", "data/ciphertext_errors", "store/reasons"}) {
    sent.merge(reasons_of(read("src/" + header + ".hpp")));
  }
  auto page = read("docs/api.md");
  auto begin = page.find("## Errors");
  auto shown = codes_in_column(page.substr(begin, page.find("\n## ", begin) - begin), 3);
  shown.erase("error_code");
  EXPECT_EQ(joined(shown), joined(sent));
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
    // Bold text is no promise.
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

// Of all files in a folder, but those of tests, whose name ends so.
std::string texts_in(const std::string& folder, std::string_view ending) {
  std::string texts;
  for (const auto& file : std::filesystem::directory_iterator(latchkey::testing::source_path(folder))) {
    auto path = file.path().string();
    if (path.ends_with(ending) && !path.ends_with("_test.cpp")) texts += read_file(path, 1 << 20).value();
  }
  return texts;
}

std::vector<std::string> matches_in_order(const std::string& text, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  auto found = matches_in_order(text, pattern);
  return {found.begin(), found.end()};
}

// A page may write the beginning of a path as "…".
TEST(Docs, NameEveryRoute) {
  auto pages = texts_in("docs", ".md");
  auto routes =
      matches(texts_in("src/api", "_handlers.cpp"), std::regex(R"re("(/(?:v1/[^"]*|healthz|readyz|metrics))")re"));
  EXPECT_GT(routes.size(), 20U);
  for (const auto& route : routes) {
    auto words = matches(route, std::regex(R"re((/\w+)(?:/\{.*\})?$)re"));
    for (const auto& word : words) EXPECT_NE(pages.find(word), std::string::npos) << "no page has " << route;
  }
}

TEST(Docs, NameEveryMetricAndNoOther) {
  auto metrics = matches(texts_in("src/metrics", ".cpp"), std::regex(R"re("(latchkey_\w+)")re"));
  EXPECT_GT(metrics.size(), 10U);
  auto shown = codes_in_column(read("docs/metrics.md"), 1);
  EXPECT_EQ(joined(shown), joined(metrics));
}

bool is_there(const std::string& path) {
  return std::filesystem::exists(latchkey::testing::source_path(path));
}

// In paths, "<cloud>" is the name of any cloud.
std::string path_of(const std::string& name) {
  return std::regex_replace(name, std::regex("<cloud>"), "azure");
}

bool is_path(const std::string& name) {
  return name.find(' ') == std::string::npos && (name.find('/') != std::string::npos || is_there(name));
}

bool is_of_a_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// As a whole word. A test stands there as "Suite, Test)".
bool stands_in(const std::string& text, const std::string& name) {
  static const std::regex test(R"re(([A-Z]\w+)\.([A-Z]\w+))re");
  auto wanted = std::regex_replace(name, test, "$1, $2)");
  for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    auto end = at + wanted.size();
    bool begins = at == 0 || !is_of_a_word(text[at - 1]) || !is_of_a_word(wanted.front());
    bool ends = end == text.size() || !is_of_a_word(text[end]) || !is_of_a_word(wanted.back());
    if (begins && ends) return true;
  }
  return false;
}

// The steps of all numbered lists, by the section that they are in.
std::map<std::string, std::vector<std::string>> steps_by_section(const std::string& page) {
  static const std::regex begins(R"re(\d+\. .*)re");
  std::map<std::string, std::vector<std::string>> steps;
  std::string section;
  bool in_step = false;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) section = line.substr(3);
    if (std::regex_match(line, begins)) {
      steps[section].push_back(line);
      in_step = true;
    } else if (in_step && line.starts_with("   ")) {
      steps[section].back() += line.substr(2);
    } else {
      in_step = false;
    }
  }
  return steps;
}

void expect_step_names_what_is_there(const std::string& step) {
  std::string texts;
  for (const auto& name : in_backticks(step)) {
    if (!is_path(name)) continue;
    auto path = path_of(name);
    EXPECT_TRUE(is_there(path)) << path << " is not there: " << step;
    if (std::filesystem::is_regular_file(latchkey::testing::source_path(path))) texts += read(path);
  }
  EXPECT_FALSE(texts.empty()) << "which file? " << step;
  for (const auto& name : in_backticks(step)) {
    EXPECT_TRUE(is_path(name) || stands_in(texts, name)) << name << " stands in no file of its step: " << step;
  }
  EXPECT_NE(step.find("*Done when*"), std::string::npos) << "what shows that it is done? " << step;
}

TEST(Docs, TheStepsToExtendLatchkeyNameWhatIsThere) {
  auto page = read("docs/extend.md");
  auto steps = steps_by_section(page);
  for (std::string section :
       {"A cloud", "An endpoint", "A setting", "A column", "A metric", "An activity", "A reason"}) {
    EXPECT_GE(steps[section].size(), 3U) << section;
    for (const auto& step : steps[section]) expect_step_names_what_is_there(step);
  }
  for (const auto& name : matches(page, std::regex("`([^`\n]+)`"))) {
    EXPECT_TRUE(!is_path(name) || is_there(path_of(name))) << name << " is not there";
  }
}

// The folders on each line of the drawing in docs/design.md, the lowest line first.
std::vector<std::vector<std::string>> drawn_floors() {
  std::vector<std::vector<std::string>> floors;
  for (const auto& line : matches_in_order(read("docs/design.md"), std::regex("\n([a-z/ ]+)│"))) {
    floors.push_back(matches_in_order(line, std::regex("([a-z/]+)")));
  }
  std::reverse(floors.begin(), floors.end());
  return floors;
}

TEST(Docs, TheHouseIsDrawnAsItStands) {
  static const std::regex links(R"re(DEPENDS([^)]*))re");
  static const std::regex library(R"re(latchkey_library\(\s*(\w+))re");
  std::vector<std::string> drawn;
  std::set<std::string> below;
  for (const auto& floor : drawn_floors()) {
    std::set<std::string> here;
    for (const auto& folder : floor) {
      drawn.push_back(folder);
      auto cmake = read("src/" + folder + "/CMakeLists.txt");
      here.merge(matches(cmake, library));
      for (const auto& linked : matches_in_order(cmake, links)) {
        auto above = without(matches(linked, std::regex(R"re(latchkey_(\w+))re")), below);
        EXPECT_TRUE(above.empty()) << folder << " links what is not drawn below it: " << joined(above);
      }
    }
    below.merge(here);
  }
  EXPECT_EQ(drawn, matches_in_order(read("CMakeLists.txt"), std::regex(R"re(add_subdirectory\(src/([\w/]+)\))re")));
}

// From the top of the source, from src, or from the folder that a row is about.
TEST(Docs, TheDoorsOfTheHouseAreThere) {
  static const std::regex folder_of_row(R"re(\n\| `src/([\w/]+)` \|)re");
  static const std::regex file(R"re([\w/.]+(\.\w+|/))re");
  auto page = read("docs/design.md");
  std::vector<std::string> folders{"testing"};
  for (const auto& floor : drawn_floors()) folders.insert(folders.end(), floor.begin(), floor.end());
  auto rows = matches_in_order(page, folder_of_row);
  EXPECT_EQ(joined(matches(page, folder_of_row)), joined({folders.begin(), folders.end()}));
  EXPECT_EQ(rows.size(), folders.size());
  for (const auto& part : parts_of(page)) {
    auto folder = part.starts_with("| `src/") ? in_backticks(part).front() + "/" : "";
    for (const auto& name : in_backticks(part)) {
      if (!std::regex_match(name, file)) continue;
      EXPECT_TRUE(is_there(name) || is_there("src/" + name) || is_there(folder + name)) << name << ": " << part;
    }
  }
}

}  // namespace
}  // namespace latchkey::cli
