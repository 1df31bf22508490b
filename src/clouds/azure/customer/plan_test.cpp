#include "clouds/azure/customer/plan.hpp"

#include <functional>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clouds/azure/customer/reasons.hpp"
#include "clouds/azure/customer/setup.hpp"
#include "clouds/azure/customer/testing/fake_platform.hpp"
#include "clouds/azure/customer/testing/sample_state.hpp"
#include "testing/scripted_client.hpp"

namespace latchkey::clouds::azure::customer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace customer::testing;

SetupOptions good_options() {
  SetupOptions options;
  options.url = "https://latchkey.example";
  options.display_name = "contoso/cmek";
  options.resource_group = "security";
  options.location = "eastus";
  options.sink = LogSink{LogSink::Kind::Workspace, kGroupScope + "/workspaces/siem", ""};
  return options;
}

Registration registered(std::string tenant = std::string(kTenant), bool attached = false) {
  return {RegisteredKey{"ekey_1", "https://contoso.vault.azure.net/", "cmek", std::move(tenant), attached}, ""};
}

// "vault consent! key!": a step to do ends with "!", one that is left out with "?".
std::string shape(const std::vector<Step>& steps) {
  std::string text;
  for (const auto& step : steps) {
    auto mark = step.state == StepState::ToDo ? "!" : step.state == StepState::Left ? "?" : "";
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", to_string(step.kind), mark);
  }
  return text;
}

struct Planned {
  std::string name;
  std::function<void(CustomerState&, Registration&, SetupOptions&)> change;
  std::string steps;    // the shape, or, of an error,
  ErrorCode code = {};  // its code, and
  std::string message;  // a part of its message
};

const std::vector<Planned>& cases() {
  static const Error missing{ErrorCode::NotFound, "no vault contoso"};
  static const Error forbidden{ErrorCode::PermissionDenied, "refused", Reason::reported("ForbiddenByRbac")};
  static const std::vector<Planned> all{
      {"Nothing",
       [](CustomerState&, Registration&, SetupOptions&) {},
       "vault consent key role log register validate!",
       {},
       ""},
      {"Registered",
       [](CustomerState&, Registration& r, SetupOptions&) { r = registered(); },
       "vault consent key role log register validate!",
       {},
       ""},
      {"AllMissing",
       [](CustomerState& f, Registration& r, SetupOptions& w) {
         f.vault = missing;
         f.key = not_looked_up();
         f.principal = Error{ErrorCode::NotFound, "none"};
         f.grants = not_looked_up();
         f.diagnostics = not_looked_up();
         r = {};
         w.workspace = "wrkspc_1";
       },
       "group! vault! consent! access! key! role! log! register! validate! attach!",
       {},
       ""},
      {"MissingVaultNowhere",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.vault = missing;
         w.location.clear();
       },
       "", ErrorCode::Invalid, "--resource-group and --location"},
      {"VaultElsewhere",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.vault = Error{ErrorCode::NotFound, "in another group", kOtherResourceGroup};
       },
       "", ErrorCode::NotFound, "in another group"},
      {"VaultUnreadable", [](CustomerState& f, Registration&, SetupOptions&) { f.vault = forbidden; }, "",
       ErrorCode::PermissionDenied, "refused"},
      {"VaultUnfit",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.vault.value().rbac = false;
         f.vault.value().purge_protection = false;
       },
       "", ErrorCode::Conflict, "Say --fix-vault"},
      {"VaultFixed",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.vault.value().rbac = false;
         f.key = Error{ErrorCode::PermissionDenied, "refused", Reason::reported("ForbiddenByPolicy")};
         w.fix_vault = true;
       },
       "fix-vault! consent key! role log register validate!",
       {},
       ""},
      {"VaultBeyondRepair",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.vault.value().soft_delete = false;
         w.fix_vault = true;
       },
       "", ErrorCode::Conflict, "soft-delete"},
      {"LookAlike",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.similar_apps.value().push_back({"6", "7", "anthropic-cmek-client-us", true});
       },
       "", ErrorCode::Conflict, "look-alike"},
      {"AppDisabled", [](CustomerState& f, Registration&, SetupOptions&) { f.principal.value().enabled = false; }, "",
       ErrorCode::Conflict, "accountEnabled=true"},
      {"DirectoryClosed", [](CustomerState& f, Registration&, SetupOptions&) { f.principal = forbidden; }, "",
       ErrorCode::PermissionDenied, "refused"},
      {"KeyMissing",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.key = missing;
         f.grants = std::vector<Grant>{};
       },
       "vault consent key! role! log register validate!",
       {},
       ""},
      {"KeyUnfit", [](CustomerState& f, Registration&, SetupOptions&) { f.key.value().bits = 2048; }, "",
       ErrorCode::Conflict, "RSA 2048"},
      {"KeyDisabled", [](CustomerState& f, Registration&, SetupOptions&) { f.key.value().enabled = false; }, "",
       ErrorCode::Conflict, "--enabled true"},
      {"KeyHidden", [](CustomerState& f, Registration&, SetupOptions&) { f.key = forbidden; }, "",
       ErrorCode::PermissionDenied, "--grant-myself"},
      {"KeyHiddenFromNoLonger",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.key = forbidden;
         w.grant_myself = true;
       },
       "vault consent access! key! role log register validate!",
       {},
       ""},
      {"NetworkHidesKey",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.key = Error{ErrorCode::NetworkBlocked, "your address", Reason::reported("ForbiddenByFirewall")};
       },
       "", ErrorCode::NetworkBlocked, "your address"},
      {"HsmInStandardVault",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.key = missing;
         w.hsm = true;
       },
       "", ErrorCode::Invalid, "not Premium"},
      {"RoleTooWeak",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.grants = std::vector<Grant>{grant_of({"id", "Reader", {"*/read"}, {}}, kVaultId)};
       },
       "vault consent key role! log register validate!",
       {},
       ""},
      {"GuidesRoleIsEnough",
       [](CustomerState& f, Registration&, SetupOptions&) {
         f.grants = std::vector<Grant>{grant_of(crypto_user(), kVaultId)};
       },
       "vault consent key role log register validate!",
       {},
       ""},
      {"RolesUnreadable", [](CustomerState& f, Registration&, SetupOptions&) { f.grants = forbidden; }, "",
       ErrorCode::PermissionDenied, "refused"},
      {"NoLog",
       [](CustomerState& f, Registration&, SetupOptions&) { f.diagnostics = std::vector<DiagnosticSetting>{}; },
       "vault consent key role log! register validate!",
       {},
       ""},
      {"NoLogNorSink",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.diagnostics = std::vector<DiagnosticSetting>{};
         w.sink.reset();
       },
       "", ErrorCode::Invalid, "--log-analytics-workspace"},
      {"WithoutLog",
       [](CustomerState& f, Registration&, SetupOptions& w) {
         f.diagnostics = std::vector<DiagnosticSetting>{};
         w.sink.reset();
         w.without_log = true;
       },
       "vault consent key role log? register validate!",
       {},
       ""},
      {"WrongTenant",
       [](CustomerState&, Registration& r, SetupOptions&) { r = registered("other"); },
       "vault consent key role log register! validate!",
       {},
       ""},
      {"WrongTenantForGood", [](CustomerState&, Registration& r, SetupOptions&) { r = registered("other", true); }, "",
       ErrorCode::Conflict, "cannot be changed"},
      {"AzureOnly",
       [](CustomerState&, Registration&, SetupOptions& w) { w.azure_only = true; },
       "vault consent key role log register?",
       {},
       ""},
      {"Attach",
       [](CustomerState&, Registration& r, SetupOptions& w) {
         r = registered();
         w.workspace = "wrkspc_1";
       },
       "vault consent key role log register validate! attach!",
       {},
       ""},
      {"Attached",
       [](CustomerState&, Registration& r, SetupOptions& w) {
         r = registered();
         r.workspace_key = "ekey_1";
         w.workspace = "wrkspc_1";
       },
       "vault consent key role log register validate! attach",
       {},
       ""},
      {"AttachedToAnother",
       [](CustomerState&, Registration& r, SetupOptions& w) {
         r = registered();
         r.workspace_key = "ekey_2";
         w.workspace = "wrkspc_1";
       },
       "", ErrorCode::Conflict, "cannot be replaced"}};
  return all;
}

class Plans : public ::testing::TestWithParam<Planned> {};

TEST_P(Plans, AreWhatDiffers) {
  const auto& wanted = GetParam();
  auto state = good_state();
  auto registration = registered();
  auto options = good_options();
  wanted.change(state, registration, options);
  auto plan = make_plan(state, registration, options);
  if (wanted.steps.empty()) {
    ASSERT_FALSE(plan) << shape(plan.value());
    EXPECT_EQ(plan.error().code, wanted.code) << plan.error().message();
    EXPECT_THAT(plan.error().message(), HasSubstr(wanted.message));
    return;
  }
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(shape(plan.value()), wanted.steps);
  for (const auto& step : plan.value()) {
    EXPECT_FALSE(step.text.empty()) << to_string(step.kind);
    EXPECT_EQ(step.commands.empty(), step.state != StepState::ToDo) << to_string(step.kind);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Plans, ::testing::ValuesIn(cases()),
                         [](const auto& param_info) { return param_info.param.name; });

TEST(PlanCommands, AreTheGuidesOwn) {
  auto state = good_state();
  state.principal = Error{ErrorCode::NotFound, "none"};
  state.vault = Error{ErrorCode::NotFound, "none"};
  state.key = not_looked_up();
  auto options = good_options();
  options.hsm = true;
  options.bits = 4096;
  options.display_name = "Contoso's";
  options.workspace = "wrkspc_1";
  auto plan = make_plan(state, {}, options);
  ASSERT_TRUE(plan) << plan.error().message();
  std::string script;
  for (const auto& step : plan.value()) {
    for (const auto& command : step.commands) script += command + "\n";
  }
  for (std::string_view part :
       {"az group create --name security --location eastus\n", "az keyvault create --name contoso", "--sku premium",
        "--enable-rbac-authorization true --enable-purge-protection true\n",
        "az ad sp create --id 8635ae1a-3e5d-44e8-a4ed-e0f614466f87\n",
        "--name cmek --kty RSA-HSM --size 4096 --ops wrapKey unwrapKey\n",
        "--scope \"$(az keyvault show --name contoso --query id -o tsv)/keys/cmek\"\n",
        "\"display_name\":\"Contoso'\\''s\"",
        "EKEY=$(curl -sS -X POST https://latchkey.example/v1/organizations/external_keys ", "/\"$EKEY\"/validate"}) {
    EXPECT_THAT(script, HasSubstr(std::string(part)));
  }
  EXPECT_THAT(script, Not(HasSubstr("sk-")));
}

TEST(PlanCommands, AKeyOfTheSameNameElsewhereIsMentioned) {
  auto state = good_state();
  EXPECT_EQ(note_on_namesakes(state), "");
  state.vaults_with_key = {"fabrikam", "tail\x1b[2J"};
  EXPECT_EQ(note_on_namesakes(state), "; another key of that name is in the vault fabrikam, tail [2J");
}

TEST(PlanBodies, ChangeOnlyWhatIsWrong) {
  auto vault = good_state().vault.value();
  vault.purge_protection = false;
  EXPECT_EQ(boost::json::serialize(fixed_vault_body(good_state().target, vault)),
            R"({"properties":{"enablePurgeProtection":true}})");
  vault = good_state().vault.value();
  vault.default_action = "Deny";
  vault.ip_rules = {"203.0.113.7"};
  vault.network_acls = {{"defaultAction", "Deny"},
                        {"bypass", "None"},
                        {"ipRules", boost::json::array{boost::json::object{{"value", "203.0.113.7"}}}}};
  EXPECT_EQ(
      boost::json::serialize(fixed_vault_body(good_state().target, vault)),
      R"({"properties":{"networkAcls":{"defaultAction":"Deny","bypass":"None","ipRules":[{"value":"203.0.113.7"},)"
      R"({"value":"160.79.104.0/21"}]}}})");
}

class Validations : public ::testing::Test {
 protected:
  SetupTools tools() {
    return {&platform_,
            clock_,
            random_,
            [this](std::chrono::seconds time) { clock_.advance(time); },
            {},
            [](auto&) {},
            [this](const std::string& text) { progress_.push_back(text); },
            {},
            {}};
  }
  ManualClock clock_{parse_timestamp("2026-03-01T12:00:00Z").value()};
  kms::testing::CountingRandom random_;
  FakePlatform platform_;
  std::vector<std::string> progress_;
};

TEST_F(Validations, WaitOutPropagationAndSaySo) {
  platform_.outcomes = {{false, "the role is missing"}, {false, "the role is missing"}, {true, ""}};
  EXPECT_TRUE(wait_for_validation(platform_, "ekey_1", std::chrono::seconds(60), tools()));
  EXPECT_EQ(platform_.validated.size(), 3U);
  ASSERT_EQ(progress_.size(), 2U);
  EXPECT_THAT(progress_[1], HasSubstr("trying again (5 s, at most 60 s): the role is missing"));
}

TEST_F(Validations, EndWithTheReasonAtTheTimeout) {
  platform_.outcomes = {{false, "the role is missing"}};
  auto outcome = wait_for_validation(platform_, "ekey_1", std::chrono::seconds(60), tools());
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::KeyDenied);
  EXPECT_THAT(outcome.error().message(), HasSubstr("60 s were not enough; still: the role is missing"));
  EXPECT_EQ(platform_.validated.size(), 13U);
}

TEST_F(Validations, DoNotWaitForWhatTimeDoesNotCure) {
  for (const auto* reason : {"a Conditional Access policy of tenant t blocks the app",
                             "the client secret is wrong. This is for the server's operator to fix"}) {
    platform_.outcomes = {{false, reason}};
    auto outcome = wait_for_validation(platform_, "ekey_1", std::chrono::seconds(60), tools());
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().message(), reason);
  }
  EXPECT_TRUE(progress_.empty());
  platform_.outcomes = {{false, "disabled"}};
  EXPECT_FALSE(wait_for_validation(platform_, "ekey_1", std::chrono::seconds(0), tools()));
  EXPECT_TRUE(progress_.empty()) << "nothing was changed, so there is nothing to wait for";
}

}  // namespace
}  // namespace latchkey::clouds::azure::customer
