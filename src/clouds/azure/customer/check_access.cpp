#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using clouds::azure::shown_text;

namespace {

constexpr std::string_view kWrap = "Microsoft.KeyVault/vaults/keys/wrap/action";
constexpr std::string_view kUnwrap = "Microsoft.KeyVault/vaults/keys/unwrap/action";
constexpr std::string_view kRead = "Microsoft.KeyVault/vaults/keys/read";
constexpr std::string_view kTight = "Key Vault Crypto Service Encryption User";

// '*' stands for any text, slashes included, as in Azure's own wildcards.
bool matches(std::string_view pattern, std::string_view text) {
  auto star = pattern.find('*');
  if (star == std::string_view::npos) return iequals(pattern, text);
  if (!boost::algorithm::istarts_with(text, pattern.substr(0, star))) return false;
  auto rest = pattern.substr(star + 1);
  for (auto at = star; at <= text.size(); ++at) {
    if (matches(rest, text.substr(at))) return true;
  }
  return false;
}

bool role_allows(const Role& role, std::string_view action) {
  auto is_in = [&](const std::vector<std::string>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) { return matches(pattern, action); });
  };
  return is_in(role.data_actions) && !is_in(role.not_data_actions);
}

// How far a grant reaches; a greater number reaches further.
enum class Reach { Key, Vault, Group, Subscription, Beyond };

Reach reach_of(const std::string& scope, const Vault& vault) {
  auto subscription = vault.id.substr(0, vault.id.find('/', std::string_view("/subscriptions/").size()));
  if (iequals(scope, vault.id)) return Reach::Vault;
  if (boost::algorithm::istarts_with(scope, vault.id + "/")) return Reach::Key;
  if (iequals(scope, subscription)) return Reach::Subscription;
  if (boost::algorithm::istarts_with(scope, subscription + "/")) return Reach::Group;
  return Reach::Beyond;
}

std::string_view name_of(Reach reach) {
  switch (reach) {
    case Reach::Key:
      return "the key alone";
    case Reach::Vault:
      return "the whole vault";
    case Reach::Group:
      return "the whole resource group";
    case Reach::Subscription:
      return "the whole subscription";
    case Reach::Beyond:
      return "more than the subscription";
  }
  return "";
}

std::string names_of(const std::vector<Grant>& grants) {
  std::vector<std::string> names;
  for (const auto& grant : grants) {
    auto name = shown_text(grant.role.name, 100);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string grant_command(const CustomerState& state) {
  return commands::grant(state.target, std::string(kTight), state.principal ? state.principal.value().object_id : "",
                         state.vault ? state.vault.value().id : "", commands::Scope::Key);
}

Finding check_role(const CustomerState& state, const std::vector<Grant>& grants) {
  std::vector<std::string_view> missing;
  for (auto action : {kRead, kWrap, kUnwrap}) {
    auto verb = action.substr(kRead.rfind('/') + 1);
    if (!allows(grants, action)) missing.push_back(verb.substr(0, verb.find('/')));
  }
  auto names = names_of(grants);
  if (!missing.empty()) {
    // The vault may still decide by the assignments that it saw last.
    bool still_works = state.round_trip.outcome == RoundTrip::Outcome::Succeeded;
    return {"role", Status::Failed,
            fmt::format("{}: the app may not {} ({})", names.empty() ? "no role on the key" : names,
                        fmt::join(missing, ", "),
                        still_works ? "the round trip still succeeds: a role that was taken away holds for up to ten "
                                      "minutes"
                                    : "a role that was given just now takes minutes to work"),
            grant_command(state)};
  }
  for (std::string_view action :
       {"Microsoft.KeyVault/vaults/keys/delete", "Microsoft.KeyVault/vaults/keys/create/action",
        "Microsoft.KeyVault/vaults/keys/purge/action", "Microsoft.KeyVault/vaults/secrets/getSecret/action"}) {
    if (!allows(grants, action)) continue;
    return {"role", Status::Warning,
            fmt::format("{}: more than wrap and unwrap; the app may also {}", names,
                        action.substr(std::string_view("Microsoft.KeyVault/vaults/").size())),
            grant_command(state) + "   # then delete the wider assignment"};
  }
  if (allows(grants, "Microsoft.KeyVault/vaults/keys/update/action")) {
    return {"role", Status::Warning,
            fmt::format("{}: works, and lets the app also update the key; {} is tighter", names, kTight),
            grant_command(state) + "   # then delete the wider assignment"};
  }
  return {"role", Status::Good, names, ""};
}

Finding check_scope(const CustomerState& state, const std::vector<Grant>& grants) {
  const Grant* widest = nullptr;
  auto reach = Reach::Key;
  for (const auto& grant : grants) {
    if (!role_allows(grant.role, kUnwrap) && !role_allows(grant.role, kWrap)) continue;
    auto its = reach_of(grant.assignment.scope, state.vault.value());
    if (widest == nullptr || its > reach) {
      widest = &grant;
      reach = its;
    }
  }
  if (widest == nullptr) return {"role-scope", Status::Unknown, "no role to look at", ""};
  if (reach == Reach::Key) return {"role-scope", Status::Good, std::string(name_of(reach)), ""};
  bool dedicated = state.holds_only_this_key && state.holds_only_this_key.value();
  if (reach == Reach::Vault && dedicated) {
    return {"role-scope", Status::Good, "the whole vault, which holds this key alone", ""};
  }
  return {
      "role-scope", Status::Warning,
      fmt::format("{} covers {}: the app could use other keys too", shown_text(widest->role.name, 100), name_of(reach)),
      fmt::format("{} && az role assignment delete --ids {}", grant_command(state),
                  commands::word(widest->assignment.id))};
}

Finding check_diagnostics(const CustomerState& state) {
  if (!state.vault) return {"audit-log", Status::Unknown, "no vault to look at", ""};
  if (!state.diagnostics) return {"audit-log", Status::Unknown, state.diagnostics.error().message(), ""};
  for (const auto& setting : state.diagnostics.value()) {
    if (setting.audits && !setting.sink.empty()) {
      return {"audit-log", Status::Good,
              fmt::format("AuditEvent goes to {} ({})", shown_text(setting.sink, 300), shown_text(setting.name, 64)),
              ""};
    }
  }
  return {"audit-log", Status::Failed,
          "no diagnostic setting sends AuditEvent anywhere: what is done with the key is not recorded",
          commands::diagnostics(commands::word(state.vault.value().id), "--workspace LOG_ANALYTICS_WORKSPACE_ID")};
}

}  // namespace

bool allows(const std::vector<Grant>& grants, std::string_view action) {
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) { return role_allows(grant.role, action); });
}

bool allow_service(const std::vector<Grant>& grants) {
  return allows(grants, kRead) && allows(grants, kWrap) && allows(grants, kUnwrap);
}

std::vector<Finding> check_access(const CustomerState& state) {
  std::vector<Finding> findings;
  if (!state.vault || !state.principal) {
    auto why = state.vault ? "no service principal to look at" : "no vault to look at";
    findings = {{"role", Status::Unknown, why, ""}, {"role-scope", Status::Unknown, why, ""}};
  } else if (!state.grants) {
    findings = {{"role", Status::Unknown, state.grants.error().message(), ""},
                {"role-scope", Status::Unknown, "no role to look at", ""}};
  } else {
    findings = {check_role(state, state.grants.value()), check_scope(state, state.grants.value())};
  }
  findings.push_back(check_diagnostics(state));
  return findings;
}

}  // namespace latchkey::clouds::azure::customer
