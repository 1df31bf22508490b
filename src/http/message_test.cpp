#include "http/message.hpp"

#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

TEST(Headers, NamesCompareWithoutCase) {
  Headers headers{{"Content-Type", "a"}, {"X-Twice", "1"}, {"x-twice", "2"}};
  EXPECT_EQ(headers.get("content-TYPE"), "a");
  EXPECT_EQ(headers.get("X-TWICE"), "1");
  EXPECT_FALSE(headers.has("missing"));
  EXPECT_EQ(headers.get("missing"), "");
  headers.set("X-twice", "3");
  EXPECT_EQ(headers.get("x-twice"), "3");
  EXPECT_EQ(std::distance(headers.begin(), headers.end()), 2);
}

TEST(ParseQuery, DecodesNamesAndValues) {
  auto query = parse_query("api%2Dversion=7.4&$filter=roleName+eq+%27Key%20Vault%27&flag&&empty=&a[]=1&a[]=2");
  ASSERT_TRUE(query);
  QueryParameters expected{{"api-version", "7.4"}, {"$filter", "roleName eq 'Key Vault'"},
                           {"flag", ""},           {"empty", ""},
                           {"a[]", "1"},           {"a[]", "2"}};
  EXPECT_EQ(query.value(), expected);
}

TEST(ParseQuery, RefusesBadEscapesAndFloods) {
  for (std::string_view bad : {"a=%", "a=%2", "a=%zz", "%g0=1"}) EXPECT_FALSE(parse_query(bad)) << bad;
  std::string flood;
  for (int i = 0; i < 257; ++i) flood += "a=1&";
  EXPECT_FALSE(parse_query(flood));
}

TEST(PercentDecode, PlusIsASpaceWhereAskedFor) {
  EXPECT_EQ(percent_decode("a+b%2Bc").value(), "a+b+c");
  EXPECT_EQ(percent_decode("a+b%2Bc", true).value(), "a b+c");
  EXPECT_EQ(percent_decode("%00").value(), std::string(1, '\0'));
}

}  // namespace
}  // namespace latchkey::http
