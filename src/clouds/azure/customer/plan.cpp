#include "clouds/azure/customer/plan.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/ip_ranges.hpp"
#include "clouds/azure/customer/plan_commands.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using clouds::azure::shown_text;

namespace {

std::vector<Finding> failed_of(std::vector<Finding> findings) {
  std::erase_if(findings, [](const Finding& finding) { return finding.status != Status::Failed; });
  return findings;
}

// "purge-protection: off... Cure: az ...".
std::string in_words(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& finding : findings) {
    text += fmt::format("\n  {}: {}", finding.check, finding.found);
    if (!finding.cure.empty()) text += "\n    " + finding.cure;
  }
  return text;
}

Error does_not_fit(std::string_view what, const std::vector<Finding>& findings, std::string_view advice) {
  return Error{ErrorCode::Conflict, fmt::format("{} does not fit, and nothing was changed.{}{}{}", what,
                                                advice.empty() ? "" : " ", advice, in_words(findings))};
}

class Planner {
 public:
  Planner(const CustomerState& state, const Registration& registration, const SetupOptions& options)
      : state_(state), registration_(registration), options_(options) {}

  Result<std::vector<Step>> run() {
    LATCHKEY_TRYV(plan_app_identity());
    LATCHKEY_TRYV(plan_vault());
    LATCHKEY_TRYV(plan_consent());
    LATCHKEY_TRYV(plan_key());
    LATCHKEY_TRYV(plan_role());
    LATCHKEY_TRYV(plan_log());
    LATCHKEY_TRYV(plan_platform());
    return std::move(steps_);
  }

 private:
  void already(StepKind kind, std::string text) { steps_.push_back({kind, StepState::Already, std::move(text)}); }
  void left(StepKind kind, std::string text) { steps_.push_back({kind, StepState::Left, std::move(text)}); }
  void to_do(StepKind kind, std::string text) {
    steps_.push_back({kind, StepState::ToDo, std::move(text), commands_for(kind, state_, registration_, options_)});
  }
  [[nodiscard]] bool will(StepKind kind) const {
    return std::any_of(steps_.begin(), steps_.end(),
                       [&](const Step& step) { return step.kind == kind && step.state == StepState::ToDo; });
  }

  Result<void> plan_app_identity();
  Result<void> plan_vault();
  Result<void> plan_new_vault();
  Result<void> plan_consent();
  Result<void> plan_key();
  Result<void> plan_unreadable_key();
  Result<void> plan_role();
  Result<void> plan_log();
  Result<void> plan_platform();
  Result<void> plan_registration();
  Result<void> plan_attachment();

  const CustomerState& state_;
  const Registration& registration_;
  const SetupOptions& options_;
  std::vector<Step> steps_;
};

// Comes before everything else: a look-alike must receive no rights.
Result<void> Planner::plan_app_identity() {
  auto findings = failed_of(check_app(state_));
  std::erase_if(findings, [](const Finding& finding) { return finding.check != "app-identity"; });
  if (findings.empty()) return success();
  return does_not_fit("the app", findings, "");
}

Result<void> Planner::plan_new_vault() {
  if (options_.resource_group.empty() || options_.location.empty()) {
    return Error{ErrorCode::Invalid,
                 fmt::format("{}: to make it, say where with --resource-group and --location; if it "
                             "should be there, check --subscription",
                             state_.vault.error().message())};
  }
  to_do(StepKind::Group, fmt::format("the resource group {}, where it is missing", options_.resource_group));
  to_do(StepKind::Vault,
        fmt::format("the vault {} in {}, with RBAC and purge protection", state_.target.vault_name, options_.location));
  return success();
}

Result<void> Planner::plan_vault() {
  if (!state_.vault) {
    const auto& error = state_.vault.error();
    return error.code == ErrorCode::NotFound && error.reason.empty() ? plan_new_vault() : error;
  }
  auto findings = failed_of(check_vault(state_));
  if (findings.empty()) {
    already(StepKind::Vault, shown_text(state_.vault.value().id, 300));
    return success();
  }
  auto is_fixable = [](const Finding& finding) {
    return finding.check == "rbac" || finding.check == "purge-protection" || finding.check == "public-access" ||
           finding.check == "network";
  };
  bool all_fixable = std::all_of(findings.begin(), findings.end(), is_fixable);
  if (!options_.fix_vault || !all_fixable) {
    return does_not_fit("the vault " + state_.target.vault_name, findings,
                        all_fixable ? "Say --fix-vault to have it changed, or do it yourself:" : "Cure it:");
  }
  std::string what;
  for (const auto& finding : findings) what += (what.empty() ? "" : ", ") + finding.check;
  to_do(StepKind::FixVault, "changing of the vault: " + what);
  return success();
}

Result<void> Planner::plan_consent() {
  if (state_.principal) {
    auto findings = failed_of(check_app(state_));
    if (!findings.empty()) return does_not_fit("the app", findings, "");
    already(StepKind::Consent, "service principal " + shown_text(state_.principal.value().object_id, 64));
    return success();
  }
  if (state_.principal.error().code != ErrorCode::NotFound) return state_.principal.error();
  to_do(StepKind::Consent, fmt::format("consent to {} {}: a service principal in your tenant, without any right yet",
                                       state_.target.app.client_id, state_.target.app.display_name));
  return success();
}

Result<void> Planner::plan_unreadable_key() {
  const auto& error = state_.key.error();
  bool rbac = error.reason == "ForbiddenByRbac";
  if (rbac && !options_.grant_myself) {
    return Error{error.code,
                 error.message() +
                     ". You may not look at keys there: say --grant-myself to be given Key Vault Crypto "
                     "Officer on this vault, or have somebody give it to you",
                 error.reason};
  }
  // Once the vault is fixed, its network and its access policies no longer hide the key.
  if (!rbac && !will(StepKind::FixVault)) return error;
  if (rbac || options_.grant_myself) {
    to_do(StepKind::Access, "Key Vault Crypto Officer on this vault for who is signed in");
  }
  to_do(StepKind::Key, fmt::format("the key {}, where it is missing", state_.target.key_name));
  return success();
}

Result<void> Planner::plan_key() {
  if (state_.vault && state_.key) {
    auto findings = failed_of(check_key(state_));
    if (!findings.empty())
      return does_not_fit("the key " + state_.target.key_name, findings, "A key that is there is yours to change:");
    already(StepKind::Key, shown_text(state_.key.value().id, 300));
    return success();
  }
  if (state_.vault && state_.key.error().code != ErrorCode::NotFound) return plan_unreadable_key();
  if (state_.vault && options_.hsm && !iequals(state_.vault.value().sku, "premium")) {
    return Error{
        ErrorCode::Invalid,
        fmt::format("the vault {} is not Premium, so it has no HSM keys: leave --hsm out, or name another vault",
                    state_.target.vault_name)};
  }
  if (!state_.vault) {
    to_do(StepKind::Access, "Key Vault Crypto Officer on the new vault for who is signed in, where it is needed");
  }
  to_do(StepKind::Key, fmt::format("the key {}: {} {}, wrapKey and unwrapKey alone{}", state_.target.key_name,
                                   options_.hsm ? "RSA-HSM" : "RSA", options_.bits, note_on_namesakes(state_)));
  return success();
}

Result<void> Planner::plan_role() {
  if (state_.vault && state_.principal) {
    if (!state_.grants) return state_.grants.error();
    const auto& grants = state_.grants.value();
    if (allow_service(grants)) {
      std::string names;
      for (const auto& grant : grants) names += (names.empty() ? "" : ", ") + shown_text(grant.role.name, 100);
      already(StepKind::Role, names);
      return success();
    }
  }
  to_do(StepKind::Role, fmt::format("{} for the app, on {}", options_.role,
                                    options_.scope == commands::Scope::Key ? "this key alone" : "the whole vault"));
  return success();
}

Result<void> Planner::plan_log() {
  if (state_.vault) {
    if (!state_.diagnostics && !options_.without_log) return state_.diagnostics.error();
    if (state_.diagnostics) {
      for (const auto& setting : state_.diagnostics.value()) {
        if (!setting.audits || setting.sink.empty()) continue;
        already(StepKind::Log, "AuditEvent goes to " + shown_text(setting.sink, 300));
        return success();
      }
    }
  }
  if (options_.sink) {
    to_do(StepKind::Log, "a diagnostic setting that sends AuditEvent to " + options_.sink->id);
    return success();
  }
  if (!options_.without_log) {
    return Error{ErrorCode::Invalid,
                 "the vault records nothing of what is done with its keys: say where its AuditEvent log goes with "
                 "--log-analytics-workspace, --storage-account or --event-hub, or --without-log to go on without"};
  }
  left(StepKind::Log, "no diagnostic setting: you will not see what is done with the key");
  return success();
}

Result<void> Planner::plan_registration() {
  const auto& known = registration_.key;
  if (!known) {
    to_do(StepKind::Register, "registering it with Latchkey at " + options_.url);
    return success();
  }
  auto tenant = state_.vault ? state_.vault.value().tenant_id : state_.subscription_tenant;
  if (iequals(known->tenant_id, tenant)) {
    already(StepKind::Register, known->id);
    return success();
  }
  if (known->attached) {
    return Error{ErrorCode::Conflict,
                 fmt::format("{} is attached and registered with the tenant {}, where {} governs the vault: an "
                             "attached key cannot be changed",
                             known->id, shown_text(known->tenant_id, 64), shown_text(tenant, 64)),
                 {},
                 "Register another key"};
  }
  to_do(StepKind::Register, fmt::format("correcting the tenant of {} to {}", known->id, shown_text(tenant, 64)));
  return success();
}

Result<void> Planner::plan_attachment() {
  if (options_.workspace.empty()) return success();
  const auto& attached = registration_.workspace_key;
  if (!attached.empty() && registration_.key && attached == registration_.key->id) {
    already(StepKind::Attach, options_.workspace);
    return success();
  }
  if (!attached.empty()) {
    return Error{ErrorCode::Conflict,
                 fmt::format("{} has the key {} already, for good: a workspace's key cannot be replaced",
                             options_.workspace, attached),
                 {},
                 "Name another workspace"};
  }
  to_do(StepKind::Attach, fmt::format("attaching it to {}, for good", options_.workspace));
  return success();
}

Result<void> Planner::plan_platform() {
  if (options_.azure_only) {
    left(StepKind::Register,
         "left to whoever has an Admin API key: latchkey keys create, keys validate, workspaces attach");
    return success();
  }
  LATCHKEY_TRYV(plan_registration());
  to_do(StepKind::Validate, "wrapping and unwrapping with it");
  return plan_attachment();
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::Group:
      return "group";
    case StepKind::Vault:
      return "vault";
    case StepKind::FixVault:
      return "fix-vault";
    case StepKind::Consent:
      return "consent";
    case StepKind::Access:
      return "access";
    case StepKind::Key:
      return "key";
    case StepKind::Role:
      return "role";
    case StepKind::Log:
      return "log";
    case StepKind::Register:
      return "register";
    case StepKind::Validate:
      return "validate";
    case StepKind::Attach:
      return "attach";
  }
  return "";
}

Result<std::vector<Step>> make_plan(const CustomerState& state, const Registration& registration,
                                    const SetupOptions& options) {
  return Planner(state, registration, options).run();
}

std::string note_on_namesakes(const CustomerState& state) {
  if (state.vaults_with_key.empty()) return {};
  return fmt::format("; another key of that name is in the vault {}",
                     shown_text(fmt::format("{}", fmt::join(state.vaults_with_key, ", ")), 200));
}

boost::json::object new_vault_body(const SetupOptions& options, const std::string& tenant) {
  constexpr int kRetentionDays = 90;
  return {{"location", options.location},
          {"properties",
           {{"tenantId", tenant},
            {"sku", {{"family", "A"}, {"name", options.hsm ? "premium" : "standard"}}},
            {"accessPolicies", boost::json::array()},
            {"enableRbacAuthorization", true},
            {"enablePurgeProtection", true},
            {"enableSoftDelete", true},
            {"softDeleteRetentionInDays", kRetentionDays},
            {"publicNetworkAccess", "Enabled"}}}};
}

boost::json::object fixed_vault_body(const Target& target, const Vault& vault) {
  boost::json::object properties;
  if (!vault.rbac) properties["enableRbacAuthorization"] = true;
  if (!vault.purge_protection) properties["enablePurgeProtection"] = true;
  if (iequals(vault.public_access, "Disabled")) properties["publicNetworkAccess"] = "Enabled";
  auto missing = ranges_not_covered(target.app.egress_ranges, vault.ip_rules);
  if (iequals(vault.default_action, "Deny") && !missing.empty()) {
    auto acls = vault.network_acls;
    boost::json::array rules;
    if (auto* present = acls["ipRules"].if_array(); present != nullptr) rules = *present;
    for (const auto& range : missing) rules.push_back(boost::json::object{{"value", range}});
    acls["ipRules"] = std::move(rules);
    properties["networkAcls"] = std::move(acls);
  }
  return {{"properties", std::move(properties)}};
}

boost::json::object log_body(const LogSink& sink) {
  boost::json::object properties{
      {"logs", boost::json::array{boost::json::object{{"category", "AuditEvent"}, {"enabled", true}}}},
      {"metrics", boost::json::array()}};
  switch (sink.kind) {
    case LogSink::Kind::Workspace:
      properties["workspaceId"] = sink.id;
      break;
    case LogSink::Kind::StorageAccount:
      properties["storageAccountId"] = sink.id;
      break;
    case LogSink::Kind::EventHub:
      properties["eventHubAuthorizationRuleId"] = sink.id;
      if (!sink.event_hub.empty()) properties["eventHubName"] = sink.event_hub;
      break;
  }
  return {{"properties", std::move(properties)}};
}

}  // namespace latchkey::clouds::azure::customer
