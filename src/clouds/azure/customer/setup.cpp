#include "clouds/azure/customer/setup.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>

#include "base/id.hpp"
#include "clouds/azure/customer/reasons.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using clouds::azure::shown_text;

namespace {

constexpr std::chrono::seconds kInterval{5};
constexpr std::chrono::minutes kRecently{30};
constexpr std::string_view kOfficer = "Key Vault Crypto Officer";

bool is_of_the_vault(StepKind kind) {
  return kind == StepKind::Group || kind == StepKind::Vault || kind == StepKind::FixVault;
}

Error at_step(std::string_view step, Error error) {
  error.cause = fmt::format("{}: {}", step, error.cause);
  return error;
}

class Setup {
 public:
  Setup(CustomerSide& customer, SetupTools tools, SetupOptions options)
      : customer_(customer), tools_(std::move(tools)), options_(std::move(options)) {}

  Result<void> run();

 private:
  Result<std::vector<Step>> look();
  Result<std::vector<Step>> look_again();
  Result<void> perform(const Step& step);
  Result<void> make_group();
  Result<void> make_vault();
  Result<void> fix_vault();
  Result<void> consent();
  Result<void> give_access();
  Result<void> make_key();
  Result<void> grant();
  Result<void> send_log();
  Result<void> verify();
  Result<void> register_key();
  Result<void> validate();
  Result<void> attach();

  void report(StepKind kind, Outcome outcome, std::string text) {
    if (outcome == Outcome::Done) changed_ = true;
    tools_.report({std::string(to_string(kind)), outcome, std::move(text)});
  }
  // Reports what it waits for, and waits a while; false where the timeout is used up.
  bool wait(SteadyTime since, const std::string& why);
  [[nodiscard]] bool passes_with_time(const Error& error) const;
  [[nodiscard]] const Vault& vault() const { return state_.vault.value(); }
  [[nodiscard]] std::string group_id() const;

  CustomerSide& customer_;
  SetupTools tools_;
  SetupOptions options_;
  CustomerState state_;
  Registration registration_;
  bool changed_ = false;
  bool vault_made_ = false;
  bool vault_fixed_ = false;
  bool access_given_ = false;
};

bool Setup::wait(SteadyTime since, const std::string& why) {
  auto waited = std::chrono::duration_cast<std::chrono::seconds>(tools_.clock.steady() - since);
  if (waited >= tools_.timeout) return false;
  tools_.progress(fmt::format("{} ({} s, at most {} s)", why, waited.count(), tools_.timeout.count()));
  tools_.sleep(kInterval);
  return true;
}

// True where the error is because Azure does not know yet what setup changed a moment ago.
bool Setup::passes_with_time(const Error& error) const {
  if (error.reason == "ForbiddenByRbac") return access_given_;
  if (error.reason == kUnknownName) return vault_made_;
  return error.code == ErrorCode::NetworkBlocked && vault_fixed_;
}

std::string Setup::group_id() const {
  return fmt::format("/subscriptions/{}/resourceGroups/{}", customer_.subscription().id, options_.resource_group);
}

Result<std::vector<Step>> Setup::look() {
  state_ = customer_.gather();
  LATCHKEY_TRY(registration_,
               look_at_platform(options_.azure_only ? nullptr : tools_.platform, state_.target, options_.workspace));
  return make_plan(state_, registration_, options_);
}

// Looks again until Azure shows the changes.
Result<std::vector<Step>> Setup::look_again() {
  auto began = tools_.clock.steady();
  for (;;) {
    auto steps = look();
    if (steps || !passes_with_time(steps.error()) || !wait(began, "waiting for the vault to heed what was changed")) {
      return steps;
    }
  }
}

Result<void> Setup::run() {
  LATCHKEY_TRY(auto steps, look());
  bool looks_again = false;
  for (const auto& step : steps) {
    if (!is_of_the_vault(step.kind) || step.state != StepState::ToDo) continue;
    if (auto done = perform(step); !done) return at_step(to_string(step.kind), done.error());
    looks_again = true;
  }
  if (looks_again) {
    // Nobody may make keys yet in a vault that was made just now.
    options_.grant_myself = options_.grant_myself || vault_made_;
    LATCHKEY_TRY(steps, look_again());
  }
  bool verified = false;
  for (const auto& step : steps) {
    if (step.kind == StepKind::Register && !verified) {
      if (auto done = verify(); !done) return at_step("verify", done.error());
      verified = true;
    }
    // It was reported above, when it was made or changed.
    if (is_of_the_vault(step.kind) && looks_again) continue;
    if (step.state == StepState::ToDo) {
      if (auto done = perform(step); !done) return at_step(to_string(step.kind), done.error());
    } else {
      report(step.kind, step.state == StepState::Already ? Outcome::Already : Outcome::Left, step.text);
    }
  }
  return success();
}

Result<void> Setup::perform(const Step& step) {
  switch (step.kind) {
    case StepKind::Group:
      return make_group();
    case StepKind::Vault:
      return make_vault();
    case StepKind::FixVault:
      return fix_vault();
    case StepKind::Consent:
      return consent();
    case StepKind::Access:
      return give_access();
    case StepKind::Key:
      return make_key();
    case StepKind::Role:
      return grant();
    case StepKind::Log:
      return send_log();
    case StepKind::Register:
      return register_key();
    case StepKind::Validate:
      return validate();
    case StepKind::Attach:
      return attach();
  }
  return success();
}

Result<void> Setup::make_group() {
  LATCHKEY_TRY(auto is_there, customer_.resources().has_group(customer_.subscription().id, options_.resource_group));
  if (is_there) {
    report(StepKind::Group, Outcome::Already, options_.resource_group);
    return success();
  }
  LATCHKEY_TRYV(
      customer_.resources().put_group(customer_.subscription().id, options_.resource_group, options_.location));
  report(StepKind::Group, Outcome::Done, fmt::format("made {} in {}", options_.resource_group, options_.location));
  return success();
}

Result<void> Setup::make_vault() {
  auto id = fmt::format("{}/providers/Microsoft.KeyVault/vaults/{}", group_id(), state_.target.vault_name);
  auto made = customer_.resources().put_vault(id, new_vault_body(options_, customer_.subscription().tenant_id));
  if (!made && made.error().code == ErrorCode::Conflict) {
    auto error = made.error();
    error.cure = fmt::format(
        "Names of vaults are taken world-wide, and by deleted ones too: choose another, or az keyvault recover --name "
        "{}",
        state_.target.vault_name);
    return error;
  }
  if (!made) return made.error();
  vault_made_ = true;
  auto began = tools_.clock.steady();
  while (!made.value().provisioning_state.empty() && !iequals(made.value().provisioning_state, "Succeeded")) {
    if (!wait(began, "waiting for the vault to get its name")) {
      return Error{ErrorCode::Unavailable, "Azure has not finished making the vault; run this again later"};
    }
    made = customer_.resources().vault(id);
    if (!made) return made.error();
  }
  report(StepKind::Vault, Outcome::Done, "made " + shown_text(made.value().id, 300));
  return success();
}

Result<void> Setup::fix_vault() {
  LATCHKEY_TRYV(customer_.resources().patch_vault(vault().id, fixed_vault_body(state_.target, vault())));
  vault_fixed_ = true;
  report(StepKind::FixVault, Outcome::Done, "changed " + shown_text(vault().id, 300));
  return success();
}

// Compares what Azure says about the new service principal with what is published, before it receives any right.
Result<void> Setup::consent() {
  auto graph = customer_.graph(state_.vault ? vault().tenant_id : customer_.subscription().tenant_id);
  auto made = graph.consent(state_.target.app.client_id);
  auto outcome = Outcome::Done;
  if (!made && made.error().code == ErrorCode::Conflict) {
    outcome = Outcome::Already;
    LATCHKEY_TRY(auto found, graph.find(state_.target.app.client_id));
    if (found) made = std::move(*found);
  }
  if (!made) return made.error();
  state_.principal = std::move(made.value());
  for (const auto& finding : check_app(state_)) {
    if (finding.status == Status::Failed) {
      return Error{ErrorCode::Conflict, fmt::format("{}. {}", finding.found, finding.cure)};
    }
  }
  report(StepKind::Consent, outcome, "service principal " + shown_text(state_.principal.value().object_id, 64));
  return success();
}

Result<void> Setup::give_access() {
  LATCHKEY_TRY(auto keys, customer_.keys(vault()));
  auto key = keys.get(state_.target.key_name);
  if (key || key.error().reason != "ForbiddenByRbac") {
    report(StepKind::Access, Outcome::Already, "you may make keys there");
    return success();
  }
  LATCHKEY_TRY(auto me, customer_.signed_in());
  LATCHKEY_TRY(auto role, customer_.resources().role_named(vault().id, std::string(kOfficer)));
  auto given =
      customer_.resources().assign(vault().id, format_uuid(make_uuid(tools_.random)), role.id, me.first, me.second);
  if (!given && given.error().code != ErrorCode::Conflict) return given.error();
  access_given_ = true;
  report(StepKind::Access, given ? Outcome::Done : Outcome::Already, fmt::format("{} on the vault for you", kOfficer));
  return success();
}

Result<void> Setup::make_key() {
  const auto& name = state_.target.key_name;
  LATCHKEY_TRY(auto keys, customer_.keys(vault()));
  auto began = tools_.clock.steady();
  for (;;) {
    auto key = keys.get(name);
    auto outcome = Outcome::Already;
    if (!key && key.error().code == ErrorCode::NotFound) {
      key = keys.make(name, options_.hsm ? "RSA-HSM" : "RSA", options_.bits);
      outcome = Outcome::Done;
    }
    if (key) {
      auto id = shown_text(key.value().id, 300);
      bool made = outcome == Outcome::Done;
      report(StepKind::Key, outcome, made ? fmt::format("made {}{}", id, note_on_namesakes(state_)) : id);
      state_.key = std::move(key.value());
      return success();
    }
    auto error = key.error();
    if (error.reason == "ObjectIsDeletedButRecoverable") {
      error.cure = fmt::format("Recover it: az keyvault key recover --vault-name {} --name {}; or choose another name",
                               state_.target.vault_name, name);
    }
    if (!passes_with_time(error) || !wait(began, "waiting for Azure to let you make keys")) return error;
  }
}

Result<void> Setup::grant() {
  auto scope = options_.scope == commands::Scope::Key ? fmt::format("{}/keys/{}", vault().id, state_.target.key_name)
                                                      : vault().id;
  LATCHKEY_TRY(auto role, customer_.resources().role_named(vault().id, options_.role));
  auto began = tools_.clock.steady();
  for (;;) {
    auto given = customer_.resources().assign(scope, format_uuid(make_uuid(tools_.random)), role.id,
                                              state_.principal.value().object_id, "ServicePrincipal");
    if (given || given.error().code == ErrorCode::Conflict) {
      report(StepKind::Role, given ? Outcome::Done : Outcome::Already,
             fmt::format("{} on {}", options_.role, shown_text(scope, 300)));
      return success();
    }
    // Resource Manager may not know yet a service principal that was made just now.
    if (given.error().reason != "PrincipalNotFound" || !wait(began, "waiting for the service principal to be known")) {
      return given.error();
    }
  }
}

Result<void> Setup::send_log() {
  LATCHKEY_TRYV(customer_.resources().put_diagnostics(vault().id, "latchkey-audit", log_body(*options_.sink)));
  report(StepKind::Log, Outcome::Done, "AuditEvent goes to " + options_.sink->id);
  return success();
}

Result<void> Setup::verify() {
  auto began = tools_.clock.steady();
  for (;;) {
    state_ = customer_.gather();
    auto findings = check_all(state_);
    auto failed = [&](const Finding& finding) {
      return finding.status == Status::Failed && !(finding.check == "audit-log" && options_.without_log);
    };
    if (std::none_of(findings.begin(), findings.end(), failed)) {
      tools_.report({"verify", Outcome::Checked, "all that the guide asks for is there"});
      return success();
    }
    bool may_pass =
        changed_ && std::all_of(findings.begin(), findings.end(), [&](const Finding& finding) {
          return !failed(finding) || finding.check == "app" || finding.check == "role" || finding.check == "audit-log";
        });
    if (!may_pass || !wait(began, "waiting for Azure to show what was changed")) {
      tools_.show_findings(findings);
      return Error{ErrorCode::Conflict, "something is not as the guide asks; the cure stands beside it"};
    }
  }
}

Result<void> Setup::register_key() {
  RegisteredKey key{registration_.key ? registration_.key->id : "", state_.target.vault_uri(), state_.target.key_name,
                    vault().tenant_id, false};
  if (registration_.key) {
    LATCHKEY_TRY(registration_.key, tools_.platform->change_key(key));
    report(StepKind::Register, Outcome::Done, fmt::format("corrected {}", registration_.key->id));
  } else {
    LATCHKEY_TRY(registration_.key, tools_.platform->add_key(options_.display_name, key));
    report(StepKind::Register, Outcome::Done, fmt::format("registered as {}", registration_.key->id));
  }
  return success();
}

Result<void> Setup::validate() {
  bool recent = changed_;
  if (state_.grants) {
    for (const auto& grant : state_.grants.value()) {
      const auto& created = grant.assignment.created;
      recent = recent || (created && state_.now - *created < kRecently);
    }
  }
  LATCHKEY_TRYV(wait_for_validation(*tools_.platform, registration_.key->id,
                                    recent ? tools_.timeout : std::chrono::seconds(0), tools_));
  report(StepKind::Validate, Outcome::Checked, "wrapped and unwrapped with " + registration_.key->id);
  return success();
}

Result<void> Setup::attach() {
  auto question = fmt::format(
      "Attaching {} to {} is for good: it can be neither detached nor replaced, and if the key is lost, so is the data "
      "written from now on.",
      registration_.key->id, options_.workspace);
  LATCHKEY_TRY(auto sure, tools_.confirm(question));
  if (!sure) return Error{ErrorCode::Conflict, "not attached: nobody said yes. All else is done"};
  LATCHKEY_TRYV(tools_.platform->attach(options_.workspace, registration_.key->id));
  report(StepKind::Attach, Outcome::Done,
         fmt::format("{} holds {}, for good", options_.workspace, registration_.key->id));
  return success();
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::Already:
      return "already";
    case Outcome::Done:
      return "done";
    case Outcome::Checked:
      return "checked";
    case Outcome::Left:
      return "left";
  }
  return "";
}

Result<Registration> look_at_platform(Platform* platform, const Target& target, const std::string& workspace) {
  Registration registration;
  if (platform == nullptr) return registration;
  LATCHKEY_TRY(auto keys, platform->keys());
  auto found =
      std::find_if(keys.begin(), keys.end(), [&](const RegisteredKey& key) { return is_registration_of(key, target); });
  if (found != keys.end()) registration.key = std::move(*found);
  if (!workspace.empty()) {
    LATCHKEY_TRY(registration.workspace_key, platform->key_of_workspace(workspace));
  }
  return registration;
}

Result<void> wait_for_validation(Platform& platform, const std::string& id, std::chrono::seconds timeout,
                                 const SetupTools& tools) {
  auto began = tools.clock.steady();
  for (;;) {
    LATCHKEY_TRY(auto outcome, platform.validate(id));
    if (outcome.succeeded) return success();
    bool is_hopeless = boost::algorithm::icontains(outcome.error, "Conditional Access") ||
                       boost::algorithm::icontains(outcome.error, "for the server's operator to fix") ||
                       boost::algorithm::icontains(outcome.error, "Register the key without client_id");
    auto waited = std::chrono::duration_cast<std::chrono::seconds>(tools.clock.steady() - began);
    if (is_hopeless || waited >= timeout) {
      return Error{ErrorCode::KeyDenied,
                   waited >= timeout && timeout.count() > 0
                       ? fmt::format("{} s were not enough; still: {}", waited.count(), outcome.error)
                       : outcome.error};
    }
    tools.progress(
        fmt::format("role assignments and network rules take minutes to work; trying again ({} s, at most {} s): {}",
                    waited.count(), timeout.count(), shown_text(outcome.error, 160)));
    tools.sleep(kInterval);
  }
}

Result<void> set_up(CustomerSide& customer, SetupTools tools, SetupOptions options) {
  return Setup(customer, std::move(tools), std::move(options)).run();
}

}  // namespace latchkey::clouds::azure::customer
