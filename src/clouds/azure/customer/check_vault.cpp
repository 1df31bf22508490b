#include <boost/algorithm/string/predicate.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "clouds/azure/customer/checks.hpp"
#include "clouds/azure/customer/commands.hpp"
#include "clouds/azure/customer/ip_ranges.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

using boost::algorithm::iequals;
using clouds::azure::shown_text;

namespace {

Finding check_existence(const CustomerState& state) {
  Finding finding{"vault"};
  if (state.vault) {
    finding.status = Status::Good;
    finding.found = shown_text(state.vault.value().id, 300);
    return finding;
  }
  const auto& error = state.vault.error();
  finding.found = error.message();
  if (error.code != ErrorCode::NotFound) return finding;
  finding.status = Status::Failed;
  if (error.reason.empty()) {
    finding.cure = fmt::format("check --subscription and --resource-group; or make the vault: {}",
                               commands::create_vault(state.target, "GROUP", "LOCATION", false));
  }
  return finding;
}

Finding check_rbac(const CustomerState& state, const Vault& vault) {
  if (vault.rbac) return {"rbac", Status::Good, "permissions are role assignments", ""};
  return {"rbac", Status::Failed, "the vault is in access-policy mode: role assignments on its keys do nothing",
          commands::update_vault(state.target, "--enable-rbac-authorization true") +
              "   # access policies end with it: give their holders roles first"};
}

Finding check_purge_protection(const CustomerState& state, const Vault& vault) {
  if (vault.purge_protection) return {"purge-protection", Status::Good, "on", ""};
  return {"purge-protection", Status::Failed,
          "off: a deleted key can be purged at once, and the data encrypted under it with it",
          commands::update_vault(state.target, "--enable-purge-protection true")};
}

Finding check_soft_delete(const CustomerState& state, const Vault& vault) {
  constexpr int kShort = 30;
  Finding finding{"soft-delete"};
  if (!vault.soft_delete) {
    finding.status = Status::Failed;
    finding.found = "off: a deleted key is gone at once";
    finding.cure =
        fmt::format("az resource update --ids {} --set properties.enableSoftDelete=true", commands::word(vault.id));
  } else if (vault.soft_delete_days > 0 && vault.soft_delete_days < kShort) {
    finding.status = Status::Warning;
    finding.found = fmt::format(
        "{} days: so long you have to notice that the key was deleted. It is fixed when a vault "
        "is made; 90 is the default",
        vault.soft_delete_days);
  } else {
    finding.status = Status::Good;
    finding.found = vault.soft_delete_days == 0 ? "on" : fmt::format("{} days", vault.soft_delete_days);
  }
  static_cast<void>(state);
  return finding;
}

Finding check_public_access(const CustomerState& state, const Vault& vault) {
  if (!iequals(vault.public_access, "Disabled")) return {"public-access", Status::Good, "Enabled", ""};
  return {"public-access", Status::Failed,
          "Disabled: the platform calls the public endpoint; private endpoints are not supported",
          commands::update_vault(state.target, "--public-network-access Enabled")};
}

Finding check_network(const CustomerState& state, const Vault& vault) {
  if (!iequals(vault.default_action, "Deny")) return {"network", Status::Good, "Allow", ""};
  const auto& ranges = state.target.app.egress_ranges;
  auto missing = ranges_not_covered(ranges, vault.ip_rules);
  if (missing.empty()) {
    return {"network", Status::Good, fmt::format("Deny, and the rules let {} in", fmt::join(ranges, ", ")), ""};
  }
  return {"network", Status::Failed,
          fmt::format("Deny, and no rule lets the platform's {} in", fmt::join(missing, ", ")),
          commands::allow_ranges(state.target, missing)};
}

Finding check_uri(const CustomerState& state, const Vault& vault) {
  auto expected = state.target.vault_uri();
  auto uri = vault.uri.ends_with('/') ? vault.uri : vault.uri + "/";
  if (iequals(uri, expected)) return {"vault-uri", Status::Good, expected, ""};
  return {"vault-uri", Status::Failed,
          fmt::format("Azure says {}, where {} was expected: the vault is of another cloud", shown_text(vault.uri, 100),
                      expected),
          "set AZURE_AUTHORITY_HOST to the sign-in host of the vault's cloud"};
}

Finding check_tenant(const CustomerState& state, const Vault& vault) {
  auto tenant = shown_text(vault.tenant_id, 64);
  if (vault.tenant_id.empty())
    return {"tenant", Status::Unknown, "Azure does not say which tenant governs the vault", ""};
  if (state.subscription_tenant.empty() || iequals(vault.tenant_id, state.subscription_tenant)) {
    return {"tenant", Status::Good, tenant, ""};
  }
  return {"tenant", Status::Warning,
          fmt::format("{}, where the subscription's is {}: consent in the vault's tenant, and register the key with it",
                      tenant, shown_text(state.subscription_tenant, 64)),
          fmt::format("az login --tenant {}", commands::word(vault.tenant_id))};
}

}  // namespace

std::vector<Finding> check_vault(const CustomerState& state) {
  std::vector<Finding> findings{check_existence(state)};
  using Check = Finding (*)(const CustomerState&, const Vault&);
  constexpr std::pair<std::string_view, Check> kChecks[] = {{"rbac", check_rbac},
                                                            {"purge-protection", check_purge_protection},
                                                            {"soft-delete", check_soft_delete},
                                                            {"public-access", check_public_access},
                                                            {"network", check_network},
                                                            {"vault-uri", check_uri},
                                                            {"tenant", check_tenant}};
  for (const auto& [name, check] : kChecks) {
    findings.push_back(state.vault ? check(state, state.vault.value())
                                   : Finding{std::string(name), Status::Unknown, "no vault to look at", ""});
  }
  return findings;
}

}  // namespace latchkey::clouds::azure::customer
