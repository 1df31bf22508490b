#include "audit/activity_type.hpp"

#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "testing/written_page.hpp"

namespace latchkey::audit {
namespace {

TEST(ActivityTypes, EachHasATextOfItsOwnAndSaysWhatItIs) {
  std::set<std::string_view> texts;
  for (const auto& entry : activity_types()) {
    EXPECT_TRUE(texts.insert(entry.text).second) << entry.text << " is there twice";
    EXPECT_EQ(to_string(entry.type), entry.text);
    EXPECT_EQ(entry.text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos) << entry.text;
    EXPECT_FALSE(entry.fields.empty()) << entry.text;
    EXPECT_FALSE(entry.meaning.empty()) << entry.text;
  }
}

TEST(ActivityTypes, ThePageIsMadeOfTheTable) {
  std::string section = "## Types of activities\n\n| type | fields of its own | what happened |\n|---|---|---|\n";
  for (const auto& entry : activity_types()) {
    section += fmt::format("| `{}` | {} | {} |\n", entry.text, entry.fields, entry.meaning);
  }
  latchkey::testing::expect_section_written("docs/api.md", section + "\n");
}

}  // namespace
}  // namespace latchkey::audit
