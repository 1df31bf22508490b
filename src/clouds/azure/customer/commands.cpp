#include "clouds/azure/customer/commands.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer::commands {

std::string word(const std::string& text) {
  auto shown = clouds::azure::shown_text(text, 1024);
  bool plain = !shown.empty() && std::all_of(shown.begin(), shown.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-_./:@,=+").find(c) != std::string_view::npos;
  });
  return plain ? shown : quote(shown);
}

std::string quote(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string create_group(const std::string& group, const std::string& location) {
  return fmt::format("az group create --name {} --location {}", word(group), word(location));
}

std::string create_vault(const Target& target, const std::string& group, const std::string& location, bool premium) {
  return fmt::format(
      "az keyvault create --name {} --resource-group {} --location {} --sku {} --enable-rbac-authorization true "
      "--enable-purge-protection true",
      target.vault_name, word(group), word(location), premium ? "premium" : "standard");
}

std::string update_vault(const Target& target, std::string_view change) {
  return fmt::format("az keyvault update --name {} {}", target.vault_name, change);
}

std::string allow_ranges(const Target& target, const std::vector<std::string>& ranges) {
  std::string text = fmt::format("az keyvault network-rule add --name {} --ip-address", target.vault_name);
  for (const auto& range : ranges) text += " " + word(range);
  return text;
}

std::string create_key(const Target& target, const std::string& type, unsigned bits) {
  return fmt::format("az keyvault key create --vault-name {} --name {} --kty {} --size {} --ops wrapKey unwrapKey",
                     target.vault_name, target.key_name, type, bits);
}

std::string set_key(const Target& target, std::string_view change) {
  return fmt::format("az keyvault key set-attributes --vault-name {} --name {} {}", target.vault_name, target.key_name,
                     change);
}

std::string consent(const Target& target) {
  return fmt::format("az ad sp create --id {}", target.app.client_id);
}

std::string grant(const Target& target, const std::string& role, const std::string& principal,
                  const std::string& vault_id, Scope scope) {
  auto assignee = principal.empty()
                      ? fmt::format("\"$(az ad sp show --id {} --query id -o tsv)\"", target.app.client_id)
                      : word(principal);
  auto vault =
      vault_id.empty() ? fmt::format("$(az keyvault show --name {} --query id -o tsv)", target.vault_name) : "";
  auto tail = scope == Scope::Key ? "/keys/" + target.key_name : std::string();
  return fmt::format(
      "az role assignment create --role \"{}\" --assignee-object-id {} --assignee-principal-type ServicePrincipal "
      "--scope {}",
      role, assignee, vault_id.empty() ? fmt::format("\"{}{}\"", vault, tail) : word(vault_id + tail));
}

std::string diagnostics(const std::string& vault, const std::string& sink) {
  return fmt::format(
      "az monitor diagnostic-settings create --name latchkey-audit --resource {} --logs "
      "'[{{\"category\":\"AuditEvent\",\"enabled\":true}}]' {}",
      vault, sink);
}

}  // namespace latchkey::clouds::azure::customer::commands
