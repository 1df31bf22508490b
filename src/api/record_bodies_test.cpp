#include "api/record_bodies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "testing/matchers.hpp"

namespace latchkey::api {
namespace {

using latchkey::testing::IsErrorThatSays;

std::string text_of(const data::RecordInPlace& record) {
  return std::string(as_text(record.plaintext()));
}

Bytes context_of(const data::RecordInPlace& record) {
  return {record.context->bytes().begin(), record.context->bytes().end()};
}

struct Body {
  std::string_view name;
  std::string_view text;
  bool is_usual = true;
};

// Both ways of reading say the same of each body that the short way takes.
TEST(RecordBodies, TheUsualShapeIsReadAsEveryOther) {
  constexpr std::array kBodies{
      Body{"a text alone", R"({"items":[{"plaintext":"c2VjcmV0"}]})"},
      Body{"nothing", R"({"items":[]})"},
      Body{"an empty text", R"({"items":[{"plaintext":""}]})"},
      Body{"a context in any order",
           R"({"items":[{"context":{"b":"2","a":"1","":"","ü":"é"},"plaintext":"c2VjcmU="},{"plaintext":"cw=="}]})"},
      Body{"blanks", " { \"items\" : [ { \"plaintext\" : \"cw==\" , \"context\" : { } } ] }\n"},
      Body{"an escape in the text", R"({"items":[{"plaintext":"c2Vj\u0063mV0"}]})", false},
      Body{"an escape in a name", R"({"items":[{"plaint\u0065xt":"cw=="}]})", false},
      Body{"an escape in the context", R"({"items":[{"plaintext":"cw==","context":{"a":"\n"}}]})", false},
      Body{"a context of null", R"({"items":[{"plaintext":"cw==","context":null}]})", false},
      Body{"a bad item among good ones", R"({"items":[{"plaintext":"cw=="},7,{"plaintext":"?"},{}]})", false},
  };
  for (const auto& [name, text, is_usual] : kBodies) {
    auto usual = read_usual_shape(text, RecordField::Plaintext, true);
    EXPECT_EQ(usual.has_value(), is_usual) << name;
    // A field that nobody knows makes the other way read it, and this one is in an item of its own.
    auto body = read_records(text, RecordField::Plaintext);
    ASSERT_TRUE(body) << name << ": " << body.error().message();
    if (!usual) continue;
    auto other = std::string(text);
    other.insert(other.rfind(']'), usual->records.empty() ? "0" : ",0");
    auto slowly = read_records(other, RecordField::Plaintext).value();
    ASSERT_EQ(usual->records.size(), slowly.records.size()) << name;
    for (std::size_t i = 0; i < usual->records.size(); ++i) {
      EXPECT_EQ(text_of(usual->records[i]), text_of(slowly.records[i])) << name;
      EXPECT_EQ(context_of(usual->records[i]), context_of(slowly.records[i])) << name;
    }
  }
}

TEST(RecordBodies, WhatIsNotAsUsualHasItsOwnError) {
  struct Case {
    std::string_view body;
    std::string_view message;
  };
  for (const auto& [body, message] : {
           Case{R"({})", "plaintext: Field required"},
           Case{R"({"plaintext":7})", "plaintext: Input should be a valid string"},
           Case{R"({"plaintext":"c"})", "plaintext: Input should be base64 (RFC 4648 section 4, with padding)"},
           Case{R"({"plaintext":"cx=="})", "plaintext: Input should be base64 (RFC 4648 section 4, with padding)"},
           Case{R"({"plaintext":"cw==","plaintext":"cw=="})", "plaintext: Field given twice"},
           Case{R"({"plaintext":"cw==","context":{"a":"1","a":"2"}})", "a: Field given twice"},
           Case{R"({"plaintext":"cw==","context":{"a":{}}})", "context.a: Input should be a valid string"},
           Case{R"({"plaintext":"cw==","context":[]})", "context: Input should be an object of strings"},
           Case{R"({"plaintext":"cw==","ciphertext":"cw=="})", "ciphertext: Extra inputs are not permitted"},
           Case{R"({"plaintext":"cw==","items":[]})", "items: Extra inputs are not permitted"},
           Case{R"([{"plaintext":"cw=="}])", "The request body is JSON but not an object. Send a JSON object."},
       }) {
    EXPECT_FALSE(read_usual_shape(body, RecordField::Plaintext, false)) << body;
    EXPECT_THAT(read_record(body, RecordField::Plaintext), IsErrorThatSays(std::string(message))) << body;
  }
  for (std::string_view body : {R"({"plaintext":"cw=="} 7)", R"({"plaintext":"cw=="}})", R"({"plaintext":"cw==")",
                                "{\"plaintext\":\"cw==\",\"context\":{\"a\":\"\xff\"}}"}) {
    EXPECT_FALSE(read_usual_shape(body, RecordField::Plaintext, false)) << body;
    EXPECT_FALSE(read_record(body, RecordField::Plaintext)) << body;
  }
}

TEST(RecordBodies, AContextMayBeNoLargerEitherWay) {
  auto body = [](std::size_t size) {
    return R"({"plaintext":"cw==","context":{"a":")" + std::string(size, 'x') + R"("}})";
  };
  auto most = envelope::kMaxContextSize - 9;
  EXPECT_TRUE(read_usual_shape(body(most), RecordField::Plaintext, false));
  EXPECT_FALSE(read_usual_shape(body(most + 1), RecordField::Plaintext, false));
  EXPECT_THAT(read_record(body(most + 1), RecordField::Plaintext),
              IsErrorThatSays("context: the context has more than 8192 bytes"));
}

TEST(RecordBodies, ManyItemsAreAsManyAsAllowed) {
  auto body = [](std::size_t count) {
    std::string text = R"({"items":[)";
    for (std::size_t i = 0; i < count; ++i) text += R"({"ciphertext":"cw=="},)";
    text.back() = ']';
    return text + "}";
  };
  EXPECT_EQ(read_records(body(kMostItems), RecordField::Ciphertext).value().records.size(), kMostItems);
  EXPECT_THAT(read_records(body(kMostItems + 1), RecordField::Ciphertext),
              IsErrorThatSays("items: List should have at most 1000 items. Got 1001."));
}

TEST(RecordBodies, ACiphertextFillsItsRecord) {
  auto text = std::string(envelope::kRecordOverhead + 2, 'r');
  auto body = read_record(R"({"ciphertext":")" + base64_encode(as_bytes(text)) + R"("})", RecordField::Ciphertext);
  ASSERT_TRUE(body);
  EXPECT_EQ(as_text(body.value().records.front().record), text);
}

}  // namespace
}  // namespace latchkey::api
