#include "clouds/azure/provider/reason_table.hpp"

#include "clouds/azure/provider/azure_reasons.hpp"
#include "kms/testing/reason_text_checks.hpp"

namespace latchkey::clouds::azure {
namespace {

TEST(AzureReasons, EachOfItsOwnHasOneText) {
  auto declared = kms::testing::declared_reasons("src/clouds/azure/provider/reasons.hpp");
  EXPECT_GT(declared.size(), 10U);
  for (const auto& code : declared) {
    EXPECT_TRUE(kms::testing::has_text(kReasonTable, code)) << code;
    EXPECT_FALSE(kms::testing::has_text(kms::kCommonReasons, code)) << code;
  }
  for (const auto& text : kReasonTable) {
    bool is_common = kms::testing::has_text(kms::kCommonReasons, text.entry->code);
    EXPECT_TRUE(is_common || declared.contains(std::string(text.entry->code))) << *text.entry;
  }
}

TEST(AzureReasons, EachSentenceIsFilledAndStandsAlone) {
  kms::testing::expect_well_formed(kReasonTable, azure_reasons().placeholders);
}

TEST(AzureReasons, AnErrorIsTheTablesWords) {
  AzureArguments arguments;
  arguments.key = "my-key";
  arguments.vault = "contoso.vault.azure.net";
  arguments.vault_option = "--vault-name contoso";
  auto error = reason_error(reason::kKeyDisabled, arguments);
  EXPECT_EQ(error.code, ErrorCode::KeyDenied);
  EXPECT_EQ(error.reason, "key_disabled");
  EXPECT_EQ(error.cause, "key \"my-key\" in contoso.vault.azure.net is disabled");
  EXPECT_EQ(error.cure, "Enable it: az keyvault key set-attributes --vault-name contoso --name my-key --enabled true");
  EXPECT_EQ(error.message(), error.cause + ". " + error.cure);
}

// Where Azure has no words of its own for a reason, the common ones serve.
TEST(AzureReasons, AreTheCommonOnesElse) {
  AzureArguments arguments;
  arguments.host = "contoso.vault.azure.net";
  arguments.note = " (status 408)";
  EXPECT_EQ(reason_error(reason::kTimedOut, arguments).message(),
            "contoso.vault.azure.net did not answer in time (status 408). Try again shortly");
}

}  // namespace
}  // namespace latchkey::clouds::azure
