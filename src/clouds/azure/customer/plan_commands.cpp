#include "clouds/azure/customer/plan_commands.hpp"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "clouds/azure/customer/ip_ranges.hpp"

namespace latchkey::clouds::azure::customer {

namespace {

using commands::word;

std::string curl(const std::string& url, const boost::json::object& body) {
  return fmt::format(
      "curl -sS -X POST {} -H \"x-api-key: $LATCHKEY_ADMIN_KEY\" -H 'anthropic-version: 2023-06-01' -H 'content-type: "
      "application/json' -d {}",
      url, commands::quote(boost::json::serialize(body)));
}

std::string url_of(const Wishes& wishes, const std::string& path) {
  return word(wishes.url + path);
}

std::vector<std::string> fix_vault(const Facts& facts) {
  std::vector<std::string> list;
  const auto& vault = facts.vault.value();
  if (!vault.rbac) list.push_back(commands::update_vault(facts.target, "--enable-rbac-authorization true"));
  if (!vault.purge_protection) list.push_back(commands::update_vault(facts.target, "--enable-purge-protection true"));
  if (boost::algorithm::iequals(vault.public_access, "Disabled")) {
    list.push_back(commands::update_vault(facts.target, "--public-network-access Enabled"));
  }
  auto missing = ranges_not_covered(facts.target.app.egress_ranges, vault.ip_rules);
  if (boost::algorithm::iequals(vault.default_action, "Deny") && !missing.empty()) {
    list.push_back(commands::allow_ranges(facts.target, missing));
  }
  return list;
}

std::string vault_id_of(const Facts& facts) {
  return facts.vault ? facts.vault.value().id : std::string();
}

std::vector<std::string> log(const Facts& facts, const LogSink& sink) {
  auto vault = facts.vault
                   ? word(facts.vault.value().id)
                   : fmt::format("\"$(az keyvault show --name {} --query id -o tsv)\"", facts.target.vault_name);
  std::string option;
  switch (sink.kind) {
    case LogSink::Kind::Workspace:
      option = "--workspace " + word(sink.id);
      break;
    case LogSink::Kind::StorageAccount:
      option = "--storage-account " + word(sink.id);
      break;
    case LogSink::Kind::EventHub:
      option = "--event-hub-rule " + word(sink.id);
      if (!sink.event_hub.empty()) option += " --event-hub " + word(sink.event_hub);
      break;
  }
  return {commands::diagnostics(vault, option)};
}

boost::json::object provider_config(const Facts& facts) {
  return {{"type", "azure"},
          {"vault_uri", facts.target.vault_uri()},
          {"key_name", facts.target.key_name},
          {"tenant_id", facts.vault ? facts.vault.value().tenant_id : facts.subscription_tenant}};
}

std::vector<std::string> register_key(const Facts& facts, const Registration& registration, const Wishes& wishes) {
  constexpr std::string_view kPath = "/v1/organizations/external_keys";
  if (registration.key) {
    return {curl(url_of(wishes, fmt::format("{}/{}", kPath, registration.key->id)),
                 {{"provider_config", provider_config(facts)}})};
  }
  boost::json::object body{
      {"display_name", wishes.display_name}, {"geo", "us"}, {"provider_config", provider_config(facts)}};
  return {fmt::format("EKEY=$({} | jq -r .id)", curl(url_of(wishes, std::string(kPath)), body))};
}

std::vector<std::string> validate(const Registration& registration, const Wishes& wishes) {
  std::vector<std::string> list;
  if (registration.key) list.push_back("EKEY=" + word(registration.key->id));
  list.push_back(curl(url_of(wishes, "/v1/organizations/external_keys") + "/\"$EKEY\"/validate", {}));
  return list;
}

std::vector<std::string> attach(const Wishes& wishes) {
  auto path = url_of(wishes, "/v1/organizations/workspaces/" + wishes.workspace);
  return {
      fmt::format("curl -sS -X POST {} -H \"x-api-key: $LATCHKEY_ADMIN_KEY\" -H 'anthropic-version: 2023-06-01' -H "
                  "'content-type: application/json' -d \"{{\\\"external_key_id\\\": \\\"$EKEY\\\"}}\"",
                  path)};
}

}  // namespace

std::vector<std::string> commands_for(StepKind kind, const Facts& facts, const Registration& registration,
                                      const Wishes& wishes) {
  const auto& target = facts.target;
  switch (kind) {
    case StepKind::Group:
      return {commands::create_group(wishes.resource_group, wishes.location)};
    case StepKind::Vault:
      return {commands::create_vault(target, wishes.resource_group, wishes.location, wishes.hsm)};
    case StepKind::FixVault:
      return fix_vault(facts);
    case StepKind::Consent:
      return {commands::consent(target)};
    case StepKind::Access:
      return {
          fmt::format("az role assignment create --role \"Key Vault Crypto Officer\" --assignee \"$(az account show "
                      "--query user.name -o tsv)\" --scope \"$(az keyvault show --name {} --query id -o tsv)\"",
                      target.vault_name)};
    case StepKind::Key:
      return {commands::create_key(target, wishes.hsm ? "RSA-HSM" : "RSA", wishes.bits)};
    case StepKind::Role:
      return {commands::grant(target, wishes.role, facts.principal ? facts.principal.value().object_id : "",
                              vault_id_of(facts), wishes.scope)};
    case StepKind::Log:
      return wishes.sink ? log(facts, *wishes.sink) : std::vector<std::string>();
    case StepKind::Register:
      return register_key(facts, registration, wishes);
    case StepKind::Validate:
      return validate(registration, wishes);
    case StepKind::Attach:
      return attach(wishes);
  }
  return {};
}

}  // namespace latchkey::clouds::azure::customer
