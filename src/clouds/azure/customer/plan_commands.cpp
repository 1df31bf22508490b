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

std::string url_of(const SetupOptions& options, const std::string& path) {
  return word(options.url + path);
}

std::vector<std::string> fix_vault(const CustomerState& state) {
  std::vector<std::string> list;
  const auto& vault = state.vault.value();
  if (!vault.rbac) list.push_back(commands::update_vault(state.target, "--enable-rbac-authorization true"));
  if (!vault.purge_protection) list.push_back(commands::update_vault(state.target, "--enable-purge-protection true"));
  if (boost::algorithm::iequals(vault.public_access, "Disabled")) {
    list.push_back(commands::update_vault(state.target, "--public-network-access Enabled"));
  }
  auto missing = ranges_not_covered(state.target.app.egress_ranges, vault.ip_rules);
  if (boost::algorithm::iequals(vault.default_action, "Deny") && !missing.empty()) {
    list.push_back(commands::allow_ranges(state.target, missing));
  }
  return list;
}

std::string vault_id_of(const CustomerState& state) {
  return state.vault ? state.vault.value().id : std::string();
}

std::vector<std::string> log(const CustomerState& state, const LogSink& sink) {
  auto vault = state.vault
                   ? word(state.vault.value().id)
                   : fmt::format("\"$(az keyvault show --name {} --query id -o tsv)\"", state.target.vault_name);
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

boost::json::object provider_config(const CustomerState& state) {
  return {{"type", "azure"},
          {"vault_uri", state.target.vault_uri()},
          {"key_name", state.target.key_name},
          {"tenant_id", state.vault ? state.vault.value().tenant_id : state.subscription_tenant}};
}

std::vector<std::string> register_key(const CustomerState& state, const Registration& registration,
                                      const SetupOptions& options) {
  constexpr std::string_view kPath = "/v1/organizations/external_keys";
  if (registration.key) {
    return {curl(url_of(options, fmt::format("{}/{}", kPath, registration.key->id)),
                 {{"provider_config", provider_config(state)}})};
  }
  boost::json::object body{
      {"display_name", options.display_name}, {"geo", "us"}, {"provider_config", provider_config(state)}};
  return {fmt::format("EKEY=$({} | jq -r .id)", curl(url_of(options, std::string(kPath)), body))};
}

std::vector<std::string> validate(const Registration& registration, const SetupOptions& options) {
  std::vector<std::string> list;
  if (registration.key) list.push_back("EKEY=" + word(registration.key->id));
  list.push_back(curl(url_of(options, "/v1/organizations/external_keys") + "/\"$EKEY\"/validate", {}));
  return list;
}

std::vector<std::string> attach(const SetupOptions& options) {
  auto path = url_of(options, "/v1/organizations/workspaces/" + options.workspace);
  return {
      fmt::format("curl -sS -X POST {} -H \"x-api-key: $LATCHKEY_ADMIN_KEY\" -H 'anthropic-version: 2023-06-01' -H "
                  "'content-type: application/json' -d \"{{\\\"external_key_id\\\": \\\"$EKEY\\\"}}\"",
                  path)};
}

}  // namespace

std::vector<std::string> commands_for(StepKind kind, const CustomerState& state, const Registration& registration,
                                      const SetupOptions& options) {
  const auto& target = state.target;
  switch (kind) {
    case StepKind::Group:
      return {commands::create_group(options.resource_group, options.location)};
    case StepKind::Vault:
      return {commands::create_vault(target, options.resource_group, options.location, options.hsm)};
    case StepKind::FixVault:
      return fix_vault(state);
    case StepKind::Consent:
      return {commands::consent(target)};
    case StepKind::Access:
      return {
          fmt::format("az role assignment create --role \"Key Vault Crypto Officer\" --assignee \"$(az account show "
                      "--query user.name -o tsv)\" --scope \"$(az keyvault show --name {} --query id -o tsv)\"",
                      target.vault_name)};
    case StepKind::Key:
      return {commands::create_key(target, options.hsm ? "RSA-HSM" : "RSA", options.bits)};
    case StepKind::Role:
      return {commands::grant(target, options.role, state.principal ? state.principal.value().object_id : "",
                              vault_id_of(state), options.scope)};
    case StepKind::Log:
      return options.sink ? log(state, *options.sink) : std::vector<std::string>();
    case StepKind::Register:
      return register_key(state, registration, options);
    case StepKind::Validate:
      return validate(registration, options);
    case StepKind::Attach:
      return attach(options);
  }
  return {};
}

}  // namespace latchkey::clouds::azure::customer
