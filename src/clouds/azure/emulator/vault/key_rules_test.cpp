#include "clouds/azure/emulator/vault/key_rules.hpp"

#include <array>

#include <gtest/gtest.h>

namespace latchkey::clouds::azure::emulator {
namespace {

using enum KeyOperation;
constexpr std::array kAll = {WrapKey, Encrypt, Sign, UnwrapKey, Decrypt, Verify};
constexpr auto kLive = DisabledKeyRule::RefusesPrivateOperations;
constexpr auto kDocumented = DisabledKeyRule::RefusesEverything;

KeyVersion version_with_all_operations() {
  KeyVersion version;
  version.operations = {"encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"};
  return version;
}

// The inner code for each of kAll; "" where it is allowed.
std::array<std::string, 6> codes(const KeyVersion& version, Seconds now, DisabledKeyRule rule) {
  std::array<std::string, 6> result;
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    auto refused = check_attributes(version, kAll[i], now, rule);
    if (!refused) continue;
    EXPECT_EQ(refused->status, 403U);
    EXPECT_EQ(refused->code, "Forbidden");
    result[i] = refused->inner_code;
  }
  return result;
}

using Codes = std::array<std::string, 6>;

TEST(KeyAttributes, EnabledInsideItsDatesAllowsEverything) {
  auto version = version_with_all_operations();
  version.not_before = 10;
  version.expires = 20;
  EXPECT_EQ(codes(version, 10, kLive), Codes{});
  EXPECT_EQ(codes(version, 19, kDocumented), Codes{});
}

TEST(KeyAttributes, OutsideItsDatesOnlyTheReverseWorks) {
  auto version = version_with_all_operations();
  version.not_before = 10;
  version.expires = 20;
  Codes early{"KeyNotYetValid", "KeyNotYetValid", "KeyNotYetValid", "", "", ""};
  Codes late{"KeyExpired", "KeyExpired", "KeyExpired", "", "", ""};
  EXPECT_EQ(codes(version, 9, kLive), early);
  EXPECT_EQ(codes(version, 20, kLive), late);
  EXPECT_EQ(codes(version, 20, kDocumented), late);
}

TEST(KeyAttributes, DisabledRefusesWhatTheSettingSays) {
  auto version = version_with_all_operations();
  version.enabled = false;
  EXPECT_EQ(codes(version, 0, kLive), (Codes{"", "", "KeyDisabled", "KeyDisabled", "KeyDisabled", ""}));
  EXPECT_EQ(codes(version, 0, kDocumented),
            (Codes{"KeyDisabled", "KeyDisabled", "KeyDisabled", "KeyDisabled", "KeyDisabled", "KeyDisabled"}));
}

TEST(KeyAttributes, OperationsNotListedAreForbidden) {
  auto version = version_with_all_operations();
  version.operations = {"wrapKey", "unwrapKey"};
  EXPECT_EQ(codes(version, 0, kLive), (Codes{"", "KeyOperationForbidden", "KeyOperationForbidden", "",
                                             "KeyOperationForbidden", "KeyOperationForbidden"}));
}

TEST(KeyAttributes, DisabledIsSaidBeforeDatesAndDatesBeforeOperations) {
  auto version = version_with_all_operations();
  version.operations.clear();
  version.expires = 5;
  EXPECT_EQ(check_attributes(version, WrapKey, 9, kLive)->inner_code, "KeyExpired");
  version.enabled = false;
  EXPECT_EQ(check_attributes(version, WrapKey, 9, kDocumented)->inner_code, "KeyDisabled");
}

TEST(KeyAttributes, MessagesNameTheOperation) {
  auto version = version_with_all_operations();
  version.enabled = false;
  EXPECT_EQ(check_attributes(version, UnwrapKey, 0, kLive)->message,
            "Operation unwrapKey is not allowed on a disabled key.");
  version.enabled = true;
  version.operations.clear();
  EXPECT_EQ(check_attributes(version, Decrypt, 0, kLive)->message, "Operation decrypt is not permitted on this key.");
  version.expires = 1;
  EXPECT_EQ(check_attributes(version, WrapKey, 2, kLive)->message,
            "Operation wrapKey is not allowed on an expired key.");
}

TEST(RecoveryLevel, FollowsRetentionAndProtection) {
  Vault vault;
  EXPECT_EQ(recovery_level(vault), "Recoverable+Purgeable");
  vault.purge_protection = true;
  EXPECT_EQ(recovery_level(vault), "Recoverable");
  vault.retention_days = 7;
  EXPECT_EQ(recovery_level(vault), "CustomizedRecoverable");
  vault.purge_protection = false;
  EXPECT_EQ(recovery_level(vault), "CustomizedRecoverable+Purgeable");
}

TEST(Names, AreTakenAndRefusedAsAzureDoes) {
  for (auto good : {"abc", "a-b-c", "Vault2026", "a23456789012345678901234"}) EXPECT_TRUE(is_vault_name(good)) << good;
  for (auto bad : {"", "ab", "1abc", "-abc", "abc-", "a--b", "a_b", "a.b", "a2345678901234567890123456"}) {
    EXPECT_FALSE(is_vault_name(bad)) << bad;
  }
  EXPECT_TRUE(is_key_name(std::string(127, 'k')));
  EXPECT_FALSE(is_key_name(std::string(128, 'k')));
  EXPECT_FALSE(is_key_name("k/1"));
  EXPECT_FALSE(is_key_name(""));
}

}  // namespace
}  // namespace latchkey::clouds::azure::emulator
