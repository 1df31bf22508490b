#include "health/explanation.hpp"

#include <gtest/gtest.h>

#include "kms/reason_catalogue.hpp"

namespace latchkey::health {
namespace {

TEST(Explanation, TakesTheCureFromTheMessage) {
  auto why = explain({ErrorCode::KeyDenied,
                      "key \"cmek\" in https://contoso.vault.azure.net/ is disabled. Enable it: az keyvault key "
                      "set-attributes --enabled true. Then wait.",
                      "key_disabled"});
  EXPECT_EQ(why.reason, "key_disabled");
  EXPECT_EQ(why.cause, "key \"cmek\" in https://contoso.vault.azure.net/ is disabled");
  EXPECT_EQ(why.cure, "Enable it: az keyvault key set-attributes --enabled true. Then wait.");
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
    auto why = explain({code, "it is v1.2. as ever", ""});
    EXPECT_EQ(why.reason, to_string(code));
    EXPECT_EQ(why.cause, "it is v1.2. as ever");
    EXPECT_TRUE(why.cure.starts_with(begins)) << why.cure;
  }
}

// Whatever a stranger's words in it look like: the cause and the cure are the catalogue's two sentences.
TEST(Explanation, TakesTheCataloguesWordsApart) {
  for (const auto& text : kms::reason_catalogue()) {
    kms::ReasonArguments arguments;
    arguments.said = "\"No way. Try again. Enable it\"";
    arguments.note = " (\"Incident 7. Ask Bo\")";
    auto cause = kms::cause_of(text, arguments);
    auto cure = kms::cure_of(text, arguments);
    auto why = explain({text.entry->error, cause + ". " + cure, Reason::reported(std::string(text.entry->code))});
    EXPECT_EQ(why.reason, text.entry->code);
    EXPECT_EQ(why.cause, cause) << text.entry->code;
    EXPECT_EQ(why.cure, cure) << text.entry->code;
  }
}

TEST(Explanation, AMessageWithoutACureGetsTheCatalogues) {
  auto why = explain({ErrorCode::KeyDenied, "it is off", "key_disabled"});
  EXPECT_EQ(why.cause, "it is off");
  EXPECT_EQ(why.cure, kms::cure_of(*kms::find_reason("key_disabled"), {}));
}

TEST(Explanation, KeepsAStrangersTextInBounds) {
  auto why = explain({ErrorCode::KeyDenied, std::string(9000, 'x') + "\n\x1b[31m", "r"});
  EXPECT_LE(why.cause.size(), 2048U);
}

}  // namespace
}  // namespace latchkey::health
