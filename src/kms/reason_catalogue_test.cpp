#include "kms/reason_catalogue.hpp"

#include <algorithm>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "testing/source_folder.hpp"
#include "testing/written_page.hpp"

namespace latchkey::kms {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Reasons, EachNameHasOneEntry) {
  auto header = read_file(latchkey::testing::source_path("src/kms/reasons.hpp"), 1 << 20);
  ASSERT_TRUE(header);
  std::regex constant(X);
  std::set<std::string> names;
  for (std::sregex_iterator it(header.value().begin(), header.value().end(), constant), end; it != end; ++it) {
    names.insert((*it)[1]);
    EXPECT_NE(find_reason((*it)[1].str()), nullptr) << (*it)[1];
  }
  EXPECT_GT(names.size(), 30U);
  std::set<std::string> entries;
  for (const auto& text : reason_catalogue()) {
    const auto& entry = *text.entry;
    EXPECT_TRUE(names.contains(std::string(entry.code)) || entry.code == envelope::reason::kDataKeyBinding.code)
        << entry.code;
    EXPECT_TRUE(entries.emplace(entry.code).second) << entry.code << " twice";
    EXPECT_TRUE(std::regex_match(entry.code.begin(), entry.code.end(), std::regex("[a-z]+(_[a-z]+)*"))) << entry.code;
  }
  EXPECT_EQ(find_reason("no_such_reason"), nullptr);
}

TEST(Reasons, EachSentenceIsFilledAndStandsAlone) {
  for (const auto& text : reason_catalogue()) {
    const auto& entry = *text.entry;
    for (const auto& sentence : {cause_of(text, {}), cure_of(text, {})}) {
      EXPECT_FALSE(sentence.empty()) << entry.code;
      EXPECT_THAT(sentence, Not(HasSubstr("`"))) << entry.code;
      EXPECT_THAT(sentence, Not(HasSubstr("{"))) << entry.code;
      EXPECT_FALSE(sentence.ends_with('.')) << entry.code;
    }
    // A name in braces that is no fact would throw; backticks that do not pair would spoil the page.
    auto ticks = std::count(text.cure.begin(), text.cure.end(), '`');
    EXPECT_EQ(ticks % 2, 0) << entry.code;
  }
}

// Who drops leases and who keeps them is decided by the error's code: it must not contradict the class.
TEST(Reasons, TheClassAndTheCodeAgree) {
  using enum ErrorCode;
  for (const auto& text : reason_catalogue()) {
    const auto& entry = *text.entry;
    switch (entry.kind) {
      case ReasonClass::Refused:
        EXPECT_EQ(entry.error, KeyDenied) << entry.code;
        break;
      case ReasonClass::NetworkBlocked:
        EXPECT_EQ(entry.error, NetworkBlocked) << entry.code;
        break;
      case ReasonClass::Unreachable:
        EXPECT_EQ(entry.error, KeyUnreachable) << entry.code;
        break;
      case ReasonClass::Ours:
        EXPECT_EQ(entry.error, entry.code == reason::kRootKeyMismatch.code ? KeyDenied : KeyUnreachable) << entry.code;
        break;
      case ReasonClass::Alarm:
        EXPECT_EQ(entry.error, Corrupt) << entry.code;
        break;
      case ReasonClass::Other:
        ADD_FAILURE() << entry.code;
        break;
    }
  }
}

TEST(Reasons, AnErrorIsTheCatalogsWords) {
  ReasonArguments arguments;
  arguments.key = "my-key";
  arguments.vault = "contoso.vault.azure.net";
  arguments.vault_option = "--vault-name contoso";
  auto error = reason_error(reason::kKeyDisabled, arguments);
  EXPECT_EQ(error.code, ErrorCode::KeyDenied);
  EXPECT_EQ(error.reason, "key_disabled");
  EXPECT_EQ(error.message(),
            "key \"my-key\" in contoso.vault.azure.net is disabled. Enable it: az keyvault key set-attributes "
            "--vault-name contoso --name my-key --enabled true");
}

// Braces in what a stranger said are text.
TEST(Reasons, FactsAreNotFormats) {
  ReasonArguments arguments;
  arguments.said = "{key} {} {nonsense} %s";
  EXPECT_THAT(reason_error(reason::kConnectionFailed, arguments).message(), HasSubstr("{key} {} {nonsense} %s"));
}

TEST(Reasons, ThePageIsMadeFromTheCatalogue) {
  latchkey::testing::expect_written("docs/reasons.md", reasons_page());
}

}  // namespace
}  // namespace latchkey::kms
