#include "library/json_text.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace latchkey::library {
namespace {

TEST(JsonViewTest, FindsWhatAPathNames) {
  auto value = boost::json::parse(R"({"a":{"b":"text","n":7,"f":true,"z":null},"s":"top"})");
  EXPECT_EQ(text_at(value, "s"), "top");
  EXPECT_EQ(text_at(value, "a.b"), "text");
  EXPECT_EQ(text_at(value, "a.n"), "7");
  EXPECT_EQ(text_at(value, "a.f"), "true");
  for (const auto* nothing : {"a.z", "a.x", "s.b", "x", "a.b.c"}) EXPECT_EQ(text_at(value, nothing), "") << nothing;
}

TEST(JsonViewTest, NobodyElseWritesToTheTerminal) {
  auto value = boost::json::parse("{\"name\":\"\\u001b[2J\\r\\nok\"}");
  EXPECT_EQ(text_at(value, "name"), "\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbdok");
}

}  // namespace
}  // namespace latchkey::library
