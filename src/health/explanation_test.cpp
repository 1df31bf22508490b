#include "health/explanation.hpp"

#include <gtest/gtest.h>

#include "kms/reason_catalogue.hpp"

namespace latchkey::health {
namespace {

TEST(Explanation, CarriesTheErrorsCauseAndCureWithoutTheRequestsId) {
  auto why =
      explain({ErrorCode::KeyDenied, "key \"cmek\" in https://keys.example/ is disabled", kms::reason::kKeyDisabled,
               "Enable it: cloud keys enable --name cmek. Then wait.", "x-ms-request-id: 1b2c"});
  EXPECT_EQ(why.reason, "key_disabled");
  EXPECT_EQ(why.cause, "key \"cmek\" in https://keys.example/ is disabled");
  EXPECT_EQ(why.cure, "Enable it: cloud keys enable --name cmek. Then wait.");
}

TEST(Explanation, HasACureForEveryKind) {
  struct Case {
    ErrorCode code;
    std::string_view begins;
  };
  for (auto [code, begins] : {Case{ErrorCode::KeyDenied, "The key's owner"},
                              {ErrorCode::NetworkBlocked, "The key's owner"},
                              {ErrorCode::KeyUnreachable, "Nothing is to be done"},
                              {ErrorCode::DeadlineExceeded, "Nothing is to be done"},
                              {ErrorCode::Corrupt, "The server's operator"},
                              {ErrorCode::Invalid, "The server's operator"}}) {
    auto why = explain({code, "it is v1.2. as ever"});
    EXPECT_EQ(why.reason, to_string(code));
    EXPECT_EQ(why.cause, "it is v1.2. as ever");
    EXPECT_TRUE(why.cure.starts_with(begins)) << why.cure;
  }
}

// Whatever a stranger's words in it look like: the cause and the cure are the two that the error was made with.
TEST(Explanation, CarriesACataloguesWordsApart) {
  for (const auto& text : kms::kCommonReasons) {
    kms::ReasonArguments arguments;
    arguments.said = "\"No way. Try again. Enable it\"";
    arguments.note = " (\"Incident 7. Ask Bo\")";
    auto error = kms::worded(Reason::reported(std::string(text.entry->code)), text, arguments.named());
    auto why = explain(error);
    EXPECT_EQ(why.reason, text.entry->code);
    EXPECT_EQ(why.cause, kms::fill_plain(text.cause, arguments.named())) << *text.entry;
    EXPECT_EQ(why.cure, kms::fill_plain(text.cure, arguments.named())) << *text.entry;
  }
}

TEST(Explanation, AnErrorWithoutACureGetsTheCommonOne) {
  auto why = explain({ErrorCode::KeyDenied, "it is off", kms::reason::kKeyDisabled});
  EXPECT_EQ(why.cause, "it is off");
  EXPECT_EQ(why.cure, kms::common_cure("key_disabled"));
  EXPECT_FALSE(why.cure.empty());
}

TEST(Explanation, KeepsAStrangersTextInBounds) {
  std::string text = std::string(9000, 'x') + "\n\x1b[31m";
  auto why = explain({ErrorCode::KeyDenied, text, {}, text});
  EXPECT_LE(why.cause.size(), 2048U);
  EXPECT_LE(why.cure.size(), 2048U);
}

}  // namespace
}  // namespace latchkey::health
