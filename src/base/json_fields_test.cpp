#include "base/json_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "testing/matchers.hpp"

namespace latchkey::json_fields {
namespace {

using latchkey::testing::IsErrorThatSays;

std::string refusal(std::string_view body) {
  auto object = parse_object(body);
  if (object) return "parsed";
  EXPECT_EQ(object.error().code, ErrorCode::Invalid);
  return object.error().message();
}

TEST(ParseObject, ReadsAnObject) {
  auto object = parse_object(R"( {"a": "x\u00e4\ud83d\ude00", "b": [1, {"a": null}], "c": {"a": 1.5, "b": true}} )");
  ASSERT_TRUE(object) << object.error().message();
  EXPECT_EQ(object.value().at("a").as_string(), "xä😀");
  EXPECT_EQ(object.value().at("b").as_array().size(), 2U);
  EXPECT_TRUE(object.value().at("c").at("b").as_bool());
}

TEST(ParseObject, AnEmptyBodyIsAnEmptyObjectOnlyWhereAllowed) {
  ASSERT_TRUE(parse_object("", true));
  EXPECT_TRUE(parse_object("", true).value().empty());
  EXPECT_EQ(refusal(""), "The request body is empty. Send a JSON object.");
}

TEST(ParseObject, RefusesWhatIsNotAnObject) {
  for (auto body : {"[]", "1", "null", "\"x\"", "true"}) {
    EXPECT_EQ(refusal(body), "The request body is JSON but not an object. Send a JSON object.") << body;
  }
}

TEST(ParseObject, RefusesMalformedTextAndSaysWhere) {
  for (std::string_view body :
       {"{", "{\"a\":}", "{'a':1}", "{\"a\":1,}", "{\"a\":1} x", "{\"a\":1}{}", " ", "nul", "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":01}", "// c\n{}", "{\"a\":\"\n\"}", "{\"a\":NaN}"}) {
    auto message = refusal(body);
    EXPECT_TRUE(message.starts_with("The request body is not valid JSON: ")) << body << " gave " << message;
    EXPECT_NE(message.find(" at byte "), std::string::npos) << message;
  }
}

TEST(ParseObject, RefusesAKeyGivenTwiceAtAnyDepth) {
  EXPECT_EQ(refusal(R"({"a":1,"b":2,"a":3})"), "a: Field given twice");
  EXPECT_EQ(refusal(R"({"x":{"geo":1,"\u0067eo":2}})"), "geo: Field given twice");
  EXPECT_EQ(refusal(R"({"":1,"":2})"), ": Field given twice");
  EXPECT_TRUE(parse_object(R"({"a":{"a":{"a":1}},"b":{"a":1}})"));
}

TEST(ParseObject, BoundsTheNesting) {
  std::string deep = "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}";
  EXPECT_TRUE(refusal(deep).starts_with("The request body is not valid JSON: ")) << refusal(deep);
  std::string fits = "{\"a\":" + std::string(31, '[') + std::string(31, ']') + "}";
  EXPECT_TRUE(parse_object(fits));
}

class CountingResource final : public boost::json::memory_resource {
 public:
  std::size_t taken = 0;
  std::size_t returned = 0;

 private:
  void* do_allocate(std::size_t bytes, std::size_t) override {
    taken += bytes;
    return ::operator new(bytes);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t) override {
    returned += bytes;
    ::operator delete(memory);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(ParseObject, KeepsEveryTextInTheGivenStorage) {
  CountingResource memory;
  std::string secret(10'000, 's');
  {
    auto object = parse_object("{\"plaintext\":\"" + secret + "\"}", false, &memory);
    ASSERT_TRUE(object);
    EXPECT_EQ(object.value().storage().get(), &memory);
    EXPECT_GE(memory.taken, secret.size());
  }
  EXPECT_EQ(memory.taken, memory.returned);
}

TEST(RefuseUnknown, NamesThePath) {
  auto object = parse_object(R"({"type":"azure","foo":1})").value();
  EXPECT_TRUE(refuse_unknown(object, "", {"type", "foo"}));
  EXPECT_THAT(refuse_unknown(object, "", {"type"}), IsErrorThatSays("foo: Extra inputs are not permitted"));
  EXPECT_THAT(refuse_unknown(object, "provider_config", {"type"}),
              IsErrorThatSays("provider_config.foo: Extra inputs are not permitted"));
}

struct TextCase {
  std::string_view body;
  std::string_view required, optional, nullable;  // the error, "" for success
};

TEST(Texts, TellMissingNullAndWrongApart) {
  constexpr TextCase kCases[] = {
      {R"({"n":"ok"})", "", "", ""},
      {R"({})", "p.n: Field required", "", ""},
      {R"({"n":null})", "p.n: Input should be a valid string", "p.n: Input should be a valid string", ""},
      {R"({"n":1})", "p.n: Input should be a valid string", "p.n: Input should be a valid string",
       "p.n: Input should be a valid string"},
      {R"({"n":["ok"]})", "p.n: Input should be a valid string", "p.n: Input should be a valid string",
       "p.n: Input should be a valid string"},
      {R"({"n":""})", "p.n: String should have at least 1 character", "p.n: String should have at least 1 character",
       "p.n: String should have at least 1 character"},
      {R"({"n":"12345"})", "p.n: String should have at most 4 characters",
       "p.n: String should have at most 4 characters", "p.n: String should have at most 4 characters"},
      {R"({"n":"ä😀öü"})", "", "", ""},
      {R"({"n":"a\u0000b"})", "p.n: String should not contain U+0000", "p.n: String should not contain U+0000",
       "p.n: String should not contain U+0000"},
  };
  for (const auto& c : kCases) {
    auto object = parse_object(c.body).value();
    TextLimits limits{1, 4};
    auto required = required_text(object, "p", "n", limits);
    auto optional = optional_text(object, "p", "n", limits);
    auto nullable = nullable_text(object, "p", "n", limits);
    EXPECT_EQ(required ? "" : required.error().message(), c.required) << c.body;
    EXPECT_EQ(optional ? "" : optional.error().message(), c.optional) << c.body;
    EXPECT_EQ(nullable ? "" : nullable.error().message(), c.nullable) << c.body;
  }
  auto object = parse_object(R"({"n":"ok","z":null})").value();
  EXPECT_EQ(required_text(object, "", "n", {}).value(), "ok");
  EXPECT_EQ(optional_text(object, "", "n", {}).value(), "ok");
  EXPECT_FALSE(nullable_text(object, "", "z", {}).value().has_value());
  EXPECT_THAT(required_text(object, "", "m", {}), IsErrorThatSays("m: Field required"));
}

TEST(CleanText, IsAlwaysShortValidUtf8) {
  EXPECT_EQ(clean_text("plain ä😀"), "plain ä😀");
  EXPECT_EQ(clean_text("a\nb\x7f"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd");
  EXPECT_EQ(clean_text(std::string_view("\0", 1)), "\xef\xbf\xbd");
  for (std::string_view bad : {"\xff", "\xc0", "\x80", "\xf5"}) EXPECT_EQ(clean_text(bad), "\xef\xbf\xbd");
  EXPECT_EQ(clean_text("\xed\xa0\x80", 100), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "a surrogate";
  EXPECT_EQ(clean_text("\xe2\x82", 100), "\xef\xbf\xbd\xef\xbf\xbd") << "cut short";
  EXPECT_EQ(clean_text("abcdef", 3), "abc");
  EXPECT_EQ(clean_text("ab\xc3\xa4", 3), "ab") << "never half a character";
}

}  // namespace
}  // namespace latchkey::json_fields
