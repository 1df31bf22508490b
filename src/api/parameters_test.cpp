#include "api/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/matchers.hpp"

namespace latchkey::api {
namespace {

using latchkey::testing::IsErrorThatSays;

http::RequestHead with(http::QueryParameters query) {
  http::RequestHead head;
  head.query = std::move(query);
  return head;
}

std::string limit(std::string value) {
  auto read = limit_parameter(with({{"limit", std::move(value)}}), {20, 1000});
  return read ? std::to_string(read.value()) : read.error().message();
}

TEST(Limit, IsWithinItsBounds) {
  EXPECT_EQ(limit_parameter(with({}), {20, 1000}).value(), 20U);
  EXPECT_EQ(limit(""), "20");
  EXPECT_EQ(limit("1"), "1");
  EXPECT_EQ(limit("1000"), "1000");
  EXPECT_EQ(limit("1500"), "limit: must be between 1 and 1000, inclusive. Got 1500.");
  EXPECT_EQ(limit("0"), "limit: must be between 1 and 1000, inclusive. Got 0.");
  EXPECT_EQ(limit("-1"), "limit: must be between 1 and 1000, inclusive. Got -1.");
  EXPECT_EQ(limit("99999999999999999999999"),
            "limit: must be between 1 and 1000, inclusive. Got 99999999999999999999999.");
  for (auto bad : {"x", "1x", " 1", "1.5", "+1", "0x10"}) {
    EXPECT_EQ(limit(bad), std::string("limit: Input should be a valid integer. Got \"") + bad + "\".");
  }
}

TEST(Flags, AreTrueOrFalse) {
  EXPECT_FALSE(flag_parameter(with({}), "x").value());
  EXPECT_FALSE(flag_parameter(with({{"x", "false"}}), "x").value());
  EXPECT_TRUE(flag_parameter(with({{"x", "true"}}), "x").value());
  EXPECT_THAT(flag_parameter(with({{"x", "yes"}}), "x"),
              IsErrorThatSays("x: Input should be 'true' or 'false'. Got \"yes\"."));
}

TEST(Lists, TakeBothSpellings) {
  auto head = with({{"ids[]", "a"}, {"ids", "b"}, {"ids[]", ""}, {"idsx", "c"}, {"id", "d"}});
  EXPECT_EQ(list_parameter(head, "ids"), (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(list_parameter(head, "other"));
}

TEST(Texts, AreAbsentWhereEmpty) {
  EXPECT_FALSE(text_parameter(with({{"page", ""}}), "page")) << "null, as the public clients send it";
  EXPECT_EQ(text_parameter(with({{"page", "x"}}), "page"), "x");
}

TEST(OctetStream, IsToldByTheMediaType) {
  auto is_raw = [](std::string type) {
    http::RequestHead head;
    head.headers.add("content-type", std::move(type));
    return is_octet_stream(head);
  };
  EXPECT_TRUE(is_raw("application/octet-stream"));
  EXPECT_TRUE(is_raw("Application/Octet-Stream ; charset=x"));
  EXPECT_FALSE(is_raw("application/json"));
  EXPECT_FALSE(is_raw("application/octet-streams"));
  EXPECT_FALSE(is_octet_stream(http::RequestHead{}));
}

}  // namespace
}  // namespace latchkey::api
