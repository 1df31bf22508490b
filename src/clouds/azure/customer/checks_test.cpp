#include "clouds/azure/customer/checks.hpp"

#include <functional>

#include <boost/algorithm/string/case_conv.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/customer/reasons.hpp"
#include "clouds/azure/customer/testing/sample_state.hpp"

namespace latchkey::clouds::azure::customer {
namespace {

using ::testing::HasSubstr;
using namespace customer::testing;

Finding finding_of(const CustomerState& state, std::string_view check) {
  for (auto& finding : check_all(state)) {
    if (finding.check == check) return finding;
  }
  ADD_FAILURE() << "no check " << check;
  return {};
}

Error refused(ErrorCode code, std::string reason) {
  return {code, "reading the key was refused", Reason::reported(std::move(reason))};
}

TEST(Checks, AllAreGoodWhereEverythingIs) {
  auto findings = check_all(good_state());
  EXPECT_FALSE(any_failed(findings));
  for (const auto& finding : findings) {
    EXPECT_EQ(finding.status, Status::Good) << finding.check << ": " << finding.found;
    EXPECT_FALSE(finding.found.empty()) << finding.check;
    EXPECT_EQ(finding.cure, "") << finding.check;
  }
}

struct Spoiled {
  std::string name;
  std::string check;
  std::function<void(CustomerState&)> spoil;
  Status status;
  std::string found;  // part of
  std::string cure;   // part of
};

class SpoiledState : public ::testing::TestWithParam<Spoiled> {};

TEST_P(SpoiledState, IsFoundAndCured) {
  const auto& wanted = GetParam();
  auto state = good_state();
  wanted.spoil(state);
  auto finding = finding_of(state, wanted.check);
  EXPECT_EQ(finding.status, wanted.status) << finding.found;
  EXPECT_THAT(finding.found, HasSubstr(wanted.found));
  EXPECT_THAT(finding.cure, HasSubstr(wanted.cure));
  // The other findings keep their names and order, whatever is missing.
  std::vector<std::string> names;
  std::vector<std::string> expected;
  for (const auto& each : check_all(state)) names.push_back(each.check);
  for (const auto& each : check_all(good_state())) expected.push_back(each.check);
  EXPECT_EQ(names, expected);
}

template <class Change>
auto vault(Change change) {
  return [change](CustomerState& state) { change(state.vault.value()); };
}
template <class Change>
auto key(Change change) {
  return [change](CustomerState& state) { change(state.key.value()); };
}
auto granted(Role role, std::string scope) {
  return [role, scope](CustomerState& state) { state.grants = std::vector<Grant>{grant_of(role, scope)}; };
}
Role everything() {
  return {"id", "Key Vault Administrator", {"Microsoft.KeyVault/vaults/*"}, {}};
}
Timestamp at(std::string_view text) {
  return parse_timestamp(text).value();
}

const std::vector<Spoiled>& vault_cases() {
  static const std::vector<Spoiled> cases{
      {"Missing", "vault",
       [](CustomerState& f) {
         f.vault = Error{ErrorCode::NotFound, "no vault contoso"};
       },
       Status::Failed, "no vault contoso", "az keyvault create --name contoso"},
      {"InAnotherGroup", "vault",
       [](CustomerState& f) {
         f.vault = Error{ErrorCode::NotFound, "another resource group", kOtherResourceGroup};
       },
       Status::Failed, "another resource group", ""},
      {"NotReadable", "vault",
       [](CustomerState& f) {
         f.vault = Error{ErrorCode::PermissionDenied, "AuthorizationFailed"};
       },
       Status::Unknown, "AuthorizationFailed", ""},
      {"WithoutIt", "rbac",
       [](CustomerState& f) {
         f.vault = Error{ErrorCode::NotFound, "no vault"};
       },
       Status::Unknown, "no vault", ""},
      {"AccessPolicies", "rbac", vault([](Vault& v) { v.rbac = false; }), Status::Failed, "access-policy mode",
       "az keyvault update --name contoso --enable-rbac-authorization true"},
      {"PurgeProtectionOff", "purge-protection", vault([](Vault& v) { v.purge_protection = false; }), Status::Failed,
       "off", "az keyvault update --name contoso --enable-purge-protection true"},
      {"SoftDeleteOff", "soft-delete", vault([](Vault& v) { v.soft_delete = false; }), Status::Failed, "off",
       "az resource update --ids " + kVaultId},
      {"SoftDeleteShort", "soft-delete", vault([](Vault& v) { v.soft_delete_days = 7; }), Status::Warning, "7 days",
       ""},
      {"SoftDeleteUnsaid", "soft-delete", vault([](Vault& v) { v.soft_delete_days = 0; }), Status::Good, "on", ""},
      {"PublicAccessDisabled", "public-access", vault([](Vault& v) { v.public_access = "disabled"; }), Status::Failed,
       "private endpoints are not supported", "--public-network-access Enabled"},
      {"PublicAccessUnsaid", "public-access", vault([](Vault& v) { v.public_access = ""; }), Status::Good, "", ""},
      {"DenyWithoutRules", "network", vault([](Vault& v) { v.default_action = "Deny"; }), Status::Failed,
       "160.79.104.0/21", "az keyvault network-rule add --name contoso --ip-address 160.79.104.0/21"},
      {"DenyWithHalfTheRange", "network", vault([](Vault& v) {
         v.default_action = "Deny";
         v.ip_rules = {"160.79.104.0/22"};
       }),
       Status::Failed, "160.79.104.0/21", "network-rule add"},
      {"DenyWithBothHalves", "network", vault([](Vault& v) {
         v.default_action = "Deny";
         v.ip_rules = {"203.0.113.7", "160.79.108.0/22", "160.79.104.0/22"};
       }),
       Status::Good, "the rules let 160.79.104.0/21 in", ""},
      {"OtherCloud", "vault-uri", vault([](Vault& v) { v.uri = "https://contoso.vault.azure.cn/"; }), Status::Failed,
       "another cloud", "AZURE_AUTHORITY_HOST"},
      {"UriWithoutSlash", "vault-uri", vault([](Vault& v) { v.uri = "https://Contoso.vault.azure.net"; }), Status::Good,
       "https://contoso.vault.azure.net/", ""},
      {"OtherTenant", "tenant",
       [](CustomerState& f) { f.subscription_tenant = "99999999-0000-4000-8000-000000000000"; }, Status::Warning,
       "register the key with it", "az login --tenant 72f988bf"},
      {"TenantUnsaid", "tenant", vault([](Vault& v) { v.tenant_id = ""; }), Status::Unknown, "does not say", ""}};
  return cases;
}

const std::vector<Spoiled>& key_cases() {
  static const std::vector<Spoiled> cases{
      {"Missing", "key",
       [](CustomerState& f) {
         f.key = Error{ErrorCode::NotFound, "404"};
       },
       Status::Failed, "the vault contoso has no key cmek",
       "az keyvault key create --vault-name contoso --name cmek --kty RSA"},
      {"InAnotherVault", "key",
       [](CustomerState& f) {
         f.key = Error{ErrorCode::NotFound, "404"};
         f.vaults_with_key = {"fabrikam"};
       },
       Status::Failed, "one of that name in the vault fabrikam", "latchkey azure verify --vault fabrikam --key cmek"},
      {"NotReadable", "key", [](CustomerState& f) { f.key = refused(ErrorCode::PermissionDenied, "ForbiddenByRbac"); },
       Status::Unknown, "refused", "Key Vault Crypto Officer"},
      {"PolicyVault", "key",
       [](CustomerState& f) { f.key = refused(ErrorCode::PermissionDenied, "ForbiddenByPolicy"); }, Status::Unknown,
       "refused", "az keyvault set-policy"},
      {"OwnAddressRefused", "key",
       [](CustomerState& f) { f.key = refused(ErrorCode::NetworkBlocked, "ForbiddenByFirewall"); }, Status::Unknown,
       "refused", "an address that the vault lets in"},
      {"Elliptic", "key-type", key([](VaultKey& k) { k.type = "EC"; }), Status::Failed, "EC: it must be RSA",
       "--name cmek-rsa --kty RSA --size 3072"},
      {"TooSmall", "key-type", key([](VaultKey& k) { k.bits = 2048; }), Status::Failed, "RSA 2048", "--size 3072"},
      {"Hsm", "key-type", key([](VaultKey& k) {
         k.type = "RSA-HSM";
         k.bits = 4096;
       }),
       Status::Good, "RSA-HSM 4096", ""},
      {"NoUnwrap", "key-ops", key([](VaultKey& k) {
         k.operations = {"wrapKey", "sign"};
       }),
       Status::Failed, "wrapKey sign", "set-attributes --vault-name contoso --name cmek --ops wrapKey unwrapKey"},
      {"NoOperations", "key-ops", key([](VaultKey& k) { k.operations.clear(); }), Status::Failed, "none", "--ops"},
      {"AllOperations", "key-ops", key([](VaultKey& k) {
         k.operations = {"encrypt", "wrapKey", "unwrapKey"};
       }),
       Status::Warning, "are enough", "--ops wrapKey unwrapKey"},
      {"Disabled", "key-enabled", key([](VaultKey& k) { k.enabled = false; }), Status::Failed, "disabled",
       "--enabled true"},
      {"Expired", "key-expiry", key([](VaultKey& k) { k.expires = at("2026-03-01T12:00:00Z"); }), Status::Failed,
       "expired at 2026-03-01", "--expires"},
      {"ExpiresSoon", "key-expiry", key([](VaultKey& k) { k.expires = at("2026-03-20T00:00:00Z"); }), Status::Warning,
       "expires soon", "--expires"},
      {"ExpiresLate", "key-expiry", key([](VaultKey& k) { k.expires = at("2027-03-20T00:00:00Z"); }), Status::Good,
       "until 2027-03-20", ""},
      {"NotYetValid", "key-expiry", key([](VaultKey& k) { k.not_before = at("2026-03-02T00:00:00Z"); }), Status::Failed,
       "not valid before 2026-03-02", "--not-before"}};
  return cases;
}

const std::vector<Spoiled>& app_cases() {
  static const std::vector<Spoiled> cases{
      {"NotConsented", "app",
       [](CustomerState& f) {
         f.principal = Error{ErrorCode::NotFound, "none"};
       },
       Status::Failed, "not consented", "az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87"},
      {"Disabled", "app", [](CustomerState& f) { f.principal.value().enabled = false; }, Status::Failed, "is disabled",
       "accountEnabled=true"},
      {"DirectoryClosed", "app",
       [](CustomerState& f) {
         f.principal = Error{ErrorCode::PermissionDenied, "no directory"};
       },
       Status::Unknown, "no directory", ""},
      {"NotConsentedToName", "app-identity",
       [](CustomerState& f) {
         f.principal = Error{ErrorCode::NotFound, "none"};
       },
       Status::Unknown, "no service principal", ""},
      {"AnotherName", "app-identity", [](CustomerState& f) { f.principal.value().display_name = "Contoso Backup"; },
       Status::Failed, "do not trust it", "report the difference"},
      {"LookAlike", "app-identity",
       [](CustomerState& f) {
         f.similar_apps.value().push_back({"66666666-0000-4000-8000-000000000000",
                                           "77777777-0000-4000-8000-000000000000", "anthropic-cmek-client-us", true});
       },
       Status::Failed, "look-alike: its app id is 77777777", "az ad sp delete --id 66666666"},
      {"LookAlikeBeforeConsent", "app-identity",
       [](CustomerState& f) {
         f.principal = Error{ErrorCode::NotFound, "none"};
         f.similar_apps = std::vector<Principal>{{"6", "7", "Anthropic CMEK Client US", true}};
       },
       Status::Failed, "look-alike", "az ad sp delete"},
      {"OtherAppOfTheSame", "app-identity",
       [](CustomerState& f) {
         f.similar_apps.value().push_back({"6", "7", "anthropic-console-sso", true});
       },
       Status::Good, "", ""},
      {"NamesNotReadable", "app-identity",
       [](CustomerState& f) {
         f.similar_apps = Error{ErrorCode::PermissionDenied, "Authorization_RequestDenied"};
       },
       Status::Unknown, "Authorization_RequestDenied", ""}};
  return cases;
}

constexpr std::string_view kRoleMissing = "a role is missing on the key";

std::function<void(CustomerState&)> failed_with(std::string_view why) {
  return [why](CustomerState& f) { f.round_trip = {RoundTrip::Outcome::Failed, std::string(why), ""}; };
}

std::function<void(CustomerState&)> granted_ago(std::chrono::minutes age) {
  return [age](CustomerState& f) {
    f.grants.value().front().assignment.created = f.now - age;
    failed_with(kRoleMissing)(f);
  };
}

const std::vector<Spoiled>& access_cases() {
  static const std::vector<Spoiled> cases{
      {"None", "role", [](CustomerState& f) { f.grants = std::vector<Grant>{}; }, Status::Failed,
       "no role on the key: the app may not read, wrap, unwrap",
       "--role \"Key Vault Crypto Service Encryption User\" --assignee-object-id " + std::string(kPrincipal)},
      {"NoneAndNotHeededYet", "role",
       [](CustomerState& f) {
         f.grants = std::vector<Grant>{};
         f.round_trip = {RoundTrip::Outcome::Succeeded, "wrapped and unwrapped", ""};
       },
       Status::Failed, "the round trip still succeeds: a role that was taken away holds", "az role assignment create"},
      {"ReaderOnly", "role", granted({"id", "Key Vault Reader", {"Microsoft.KeyVault/vaults/*/read"}, {}}, kVaultId),
       Status::Failed, "Key Vault Reader: the app may not wrap, unwrap", "--scope " + kVaultId + "/keys/cmek"},
      {"NotActions", "role",
       granted({"id", "Custom", {"Microsoft.KeyVault/vaults/keys/*"}, {"Microsoft.KeyVault/vaults/keys/unwrap/*"}},
               kVaultId),
       Status::Failed, "Custom: the app may not unwrap", ""},
      {"CryptoUser", "role", granted(crypto_user(), kVaultId + "/keys/cmek"), Status::Warning,
       "lets the app also update the key", "Key Vault Crypto Service Encryption User"},
      {"Administrator", "role", granted(everything(), kVaultId + "/keys/cmek"), Status::Warning,
       "more than wrap and unwrap", "delete the wider assignment"},
      {"NotReadable", "role",
       [](CustomerState& f) {
         f.grants = Error{ErrorCode::PermissionDenied, "AuthorizationFailed"};
       },
       Status::Unknown, "AuthorizationFailed", ""},
      {"VaultScope", "role-scope", granted(crypto_user(), kVaultId), Status::Warning, "the whole vault",
       "az role assignment delete --ids " + kVaultId},
      {"VaultScopeInOtherCase", "role-scope", granted(crypto_user(), boost::algorithm::to_lower_copy(kVaultId)),
       Status::Warning, "the whole vault", ""},
      {"DedicatedVault", "role-scope",
       [](CustomerState& f) {
         f.grants = std::vector<Grant>{grant_of(crypto_user(), kVaultId)};
         f.holds_only_this_key = true;
       },
       Status::Good, "holds this key alone", ""},
      {"GroupScope", "role-scope", granted(crypto_user(), kGroupScope), Status::Warning, "the whole resource group",
       ""},
      {"SubscriptionScope", "role-scope", granted(crypto_user(), kSubscriptionScope), Status::Warning,
       "the whole subscription", ""},
      {"ManagementGroup", "role-scope", granted(crypto_user(), "/providers/Microsoft.Management/managementGroups/root"),
       Status::Warning, "more than the subscription", ""},
      {"NoRole", "role-scope", [](CustomerState& f) { f.grants = std::vector<Grant>{}; }, Status::Unknown, "no role",
       ""},
      {"NoDiagnostics", "audit-log", [](CustomerState& f) { f.diagnostics = std::vector<DiagnosticSetting>{}; },
       Status::Failed, "not recorded",
       "az monitor diagnostic-settings create --name latchkey-audit --resource " + kVaultId},
      {"OtherCategory", "audit-log",
       [](CustomerState& f) {
         f.diagnostics = std::vector<DiagnosticSetting>{{"metrics", false, "/sink"}};
       },
       Status::Failed, "", ""},
      {"ToNowhere", "audit-log",
       [](CustomerState& f) {
         f.diagnostics = std::vector<DiagnosticSetting>{{"audit", true, ""}};
       },
       Status::Failed, "", ""},
      {"RoundTripFailed", "round-trip",
       [](CustomerState& f) {
         f.round_trip = {RoundTrip::Outcome::Failed, "ekey_1: the key is disabled", ""};
       },
       Status::Failed, "the key is disabled", ""},
      {"RoundTripWithAnOwnCure", "round-trip",
       [](CustomerState& f) {
         f.round_trip = {RoundTrip::Outcome::Failed, "a Conditional Access policy blocks the app",
                         "latchkey keys update"};
       },
       Status::Failed, "Conditional Access", "latchkey keys update"},
      {"ConditionalAccess", "round-trip", failed_with("ekey_1: a Conditional Access policy of tenant x blocks the app"),
       Status::Failed, "Conditional Access",
       fmt::format(
           "exclude the service principal {} (anthropic-cmek-client-us) from the policy, or add 160.79.104.0/21",
           kPrincipal)},
      {"RoleNotHeededYet", "round-trip", granted_ago(std::chrono::minutes(2)), Status::Failed,
       std::string(kRoleMissing), "wait, and run this again: the role was given at 20"},
      {"RoleGivenWhoKnowsWhen", "round-trip", failed_with(kRoleMissing), Status::Failed, std::string(kRoleMissing),
       "the role was given a moment ago"},
      {"RoleLongThere", "round-trip", granted_ago(std::chrono::hours(3)), Status::Failed, std::string(kRoleMissing),
       "look for a deny assignment"},
      {"RoundTripNotTried", "round-trip", [](CustomerState& f) { f.round_trip = {}; }, Status::Unknown, "not tried",
       ""}};
  return cases;
}

std::string name_of(const ::testing::TestParamInfo<Spoiled>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Vault, SpoiledState, ::testing::ValuesIn(vault_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Key, SpoiledState, ::testing::ValuesIn(key_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(App, SpoiledState, ::testing::ValuesIn(app_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Access, SpoiledState, ::testing::ValuesIn(access_cases()), name_of);

TEST(Checks, WarningsAndUnknownsAreNoFailure) {
  auto state = good_state();
  state.subscription_tenant = "99999999-0000-4000-8000-000000000000";
  state.key = refused(ErrorCode::PermissionDenied, "ForbiddenByRbac");
  EXPECT_FALSE(any_failed(check_all(state)));
  state.vault.value().rbac = false;
  EXPECT_TRUE(any_failed(check_all(state)));
}

// The finding about the role has the cure.
TEST(Checks, AMissingRoleIsCuredOnce) {
  auto state = good_state();
  state.grants = std::vector<Grant>{};
  failed_with(kRoleMissing)(state);
  EXPECT_EQ(finding_of(state, "round-trip").cure, "");
  EXPECT_NE(finding_of(state, "role").cure, "");
}

TEST(Checks, WhatStrangersWroteCannotLeaveItsPlaceInACommand) {
  auto state = good_state();
  state.similar_apps.value().push_back({"x'; rm -rf ~ #\n\x1b[2J", "y", "anthropic-cmek-client-us", true});
  auto finding = finding_of(state, "app-identity");
  EXPECT_EQ(finding.cure, "az ad sp delete --id 'x'\\''; rm -rf ~ # [2J'");
}

TEST(LookAlikes, AreToldFromOtherApps) {
  constexpr std::string_view kPublished = "anthropic-cmek-client-us";
  for (std::string_view name :
       {"anthropic-cmek-client-us", "Anthropic-CMEK-Client-US", "anthropic cmek client us", "anthropic_cmek_client_us",
        "anthr0pic-cmek-client-us", "anthropic-cmek-c1ient-us", "anthropic-cmek-client-u5", "anthropic-cmek-client-u",
        "anthropic-cmek-cllent-us", "anthropic-cmek-clientt-us", "anthropic-cmek-client-us2",
        "anthr\xd0\xbepic-cmek-client-us"}) {
    EXPECT_TRUE(looks_like(name, kPublished)) << name;
  }
  for (std::string_view name : {"", "anthropic", "anthropic-console", "anthropic-cmek-client", "contoso-cmek-client-us",
                                "anthropic-cmek-client-eu", "???"}) {
    EXPECT_FALSE(looks_like(name, kPublished)) << name;
  }
}

}  // namespace
}  // namespace latchkey::clouds::azure::customer
