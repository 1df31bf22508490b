#include "kms/reason_catalogue.hpp"

#include <array>

#include "kms/testing/reason_text_checks.hpp"

namespace latchkey::kms {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

NamedArguments placeholders() {
  static const ReasonArguments kNothingKnown;
  return kNothingKnown.named();
}

TEST(Reasons, EachCommonOneHasOneText) {
  auto declared = testing::declared_reasons("src/kms/reasons.hpp");
  EXPECT_GT(declared.size(), 20U);
  for (const auto& code : declared) EXPECT_TRUE(testing::has_text(kCommonReasons, code)) << code;
  for (const auto& text : kCommonReasons) {
    bool is_of_envelope = text.entry->code == envelope::reason::kDataKeyBinding.code;
    EXPECT_TRUE(is_of_envelope || declared.contains(std::string(text.entry->code))) << *text.entry;
  }
}

TEST(Reasons, EachSentenceIsFilledAndStandsAlone) {
  testing::expect_well_formed(kCommonReasons, placeholders());
}

TEST(Reasons, CommonTextsNameNoCloud) {
  for (const auto& text : kCommonReasons) {
    for (auto sentence : {text.signal, text.cause, text.cure}) {
      EXPECT_THAT(std::string(sentence), Not(ContainsRegex("[Aa]zure|AADSTS|Entra|(^|`)az |Key Vault|AWS|Google")));
    }
  }
}

TEST(Reasons, AnErrorIsTheCataloguesWords) {
  ReasonArguments arguments;
  arguments.external_key = "ekey_1";
  arguments.suspender = "apikey_2";
  auto error = reason_error(reason::kSuspended, arguments);
  EXPECT_EQ(error.code, ErrorCode::KeyDenied);
  EXPECT_EQ(error.reason, reason::kSuspended);
  EXPECT_EQ(error.cause, "external key ekey_1 was suspended here by apikey_2");
  EXPECT_EQ(error.cure, "An admin of the organisation ends it: latchkey keys resume ekey_1");
  EXPECT_EQ(error.message(), error.cause + ". " + error.cure);
}

// Braces in what a stranger said are text.
TEST(Reasons, ArgumentsAreNotFormats) {
  ReasonArguments arguments;
  arguments.said = "{key} {} {nonsense} %s {";
  EXPECT_THAT(reason_error(reason::kConnectionFailed, arguments).message(), HasSubstr("{key} {} {nonsense} %s {"));
}

constexpr ReasonEntry kMoonlit = reason::network_blocked("moonlit");
constexpr std::array kMoonsTexts{
    ReasonText{&kMoonlit, "a glow", "the moon shines on {crater}", "Wait for `dawn {crater}`"},
    ReasonText{&reason::kKeyDisabled, "a dark crater", "the key in {crater} is off", "Turn it on: `moon on {crater}`"}};

TEST(Reasons, ACloudTellsItsOwnAndCommonOnesInItsTongue) {
  CloudReasons moon{kMoonsTexts, {{"crater", "<crater>"}}, "\n## The far side\n\nDark.\n"};
  const ReasonCatalogue catalogue({moon});
  auto own = catalogue.find("moonlit");
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].cause(), "the moon shines on <crater>");
  EXPECT_EQ(own[0].cure(), "Wait for dawn <crater>");
  auto common = catalogue.find("key_disabled");
  ASSERT_EQ(common.size(), 1U);
  EXPECT_EQ(common[0].cure(), "Turn it on: moon on <crater>");
  auto untold = catalogue.find("suspended");
  ASSERT_EQ(untold.size(), 1U);
  EXPECT_EQ(untold[0].cloud, nullptr);
  EXPECT_TRUE(catalogue.find("nothing").empty());
  EXPECT_THAT(catalogue.page(),
              HasSubstr("| `moonlit` | a glow | the moon shines on \\<crater> | Wait for `dawn <crater>` |"));
  EXPECT_TRUE(catalogue.page().ends_with("\n## The far side\n\nDark.\n"));
  EXPECT_EQ(common_cure("key_disabled"), "Enable it");
  EXPECT_EQ(common_cure("moonlit"), "");
}

TEST(Reasons, TwoCloudsTellOneReasonEachInItsTongue) {
  CloudReasons moon{kMoonsTexts, {{"crater", "<crater>"}}, ""};
  CloudReasons other{std::span(kMoonsTexts).subspan(1), {{"crater", "the pit"}}, ""};
  const ReasonCatalogue catalogue({moon, other});
  std::vector<std::string> causes;
  for (const auto& told : catalogue.find("key_disabled")) causes.push_back(told.cause());
  EXPECT_THAT(causes, ElementsAre("the key in <crater> is off", "the key in the pit is off"));
}

}  // namespace
}  // namespace latchkey::kms
