#include "clouds/azure/customer/model.hpp"

#include <algorithm>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json/array.hpp>

#include "base/encoding.hpp"
#include "clouds/azure/provider/response_text.hpp"

namespace latchkey::clouds::azure::customer {

namespace json = boost::json;
using clouds::azure::text_field;

namespace {

const json::object& member(const json::object& object, std::string_view name) {
  static const json::object nothing;
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_object() ? found->get_object() : nothing;
}

const json::array& items(const json::object& object, std::string_view name) {
  static const json::array nothing;
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_array() ? found->get_array() : nothing;
}

// Returns `otherwise` where the field is missing.
bool flag(const json::object& object, std::string_view name, bool otherwise) {
  const auto* found = object.if_contains(name);
  return found != nullptr && found->is_bool() ? found->get_bool() : otherwise;
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> list;
  for (const auto& item : items(object, name)) {
    if (item.is_string()) list.emplace_back(item.get_string());
  }
  return list;
}

// Resource Manager counts in tenths of microseconds: "2026-10-30T23:58:27.1234567Z".
std::optional<Timestamp> arm_time(const json::object& object, std::string_view name) {
  constexpr std::size_t kMicroseconds = 7;  // with the point
  auto text = text_field(object, name);
  auto point = text.find('.');
  if (point != std::string::npos) {
    auto end = std::min(text.find_first_not_of("0123456789", point + 1), text.size());
    if (end - point > kMicroseconds) text.erase(point + kMicroseconds, end - point - kMicroseconds);
  }
  auto time = parse_timestamp(text);
  return time ? std::optional(time.value()) : std::nullopt;
}

std::optional<Timestamp> unix_time(const json::object& object, std::string_view name) {
  constexpr std::int64_t kLatest = 253402300799;  // the end of the year 9999
  const auto* found = object.if_contains(name);
  if (found == nullptr || !found->is_int64()) return std::nullopt;
  return Timestamp(std::chrono::seconds(std::clamp<std::int64_t>(found->get_int64(), 0, kLatest)));
}

std::size_t modulus_bits(const json::object& jwk) {
  auto modulus = base64url_decode(text_field(jwk, "n"));
  if (!modulus) return 0;
  const auto& bytes = modulus.value();
  auto first = std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0; });
  return static_cast<std::size_t>(bytes.end() - first) * 8;
}

}  // namespace

Vault read_vault(const json::object& body) {
  const auto& properties = member(body, "properties");
  Vault vault;
  vault.id = text_field(body, "id");
  vault.name = text_field(body, "name");
  vault.location = text_field(body, "location");
  vault.sku = text_field(member(properties, "sku"), "name");
  vault.tenant_id = text_field(properties, "tenantId");
  vault.uri = text_field(properties, "vaultUri");
  vault.provisioning_state = text_field(properties, "provisioningState");
  vault.rbac = flag(properties, "enableRbacAuthorization", false);
  vault.purge_protection = flag(properties, "enablePurgeProtection", false);
  vault.soft_delete = flag(properties, "enableSoftDelete", true);
  if (const auto* days = properties.if_contains("softDeleteRetentionInDays"); days != nullptr && days->is_int64()) {
    vault.soft_delete_days = static_cast<int>(std::clamp<std::int64_t>(days->get_int64(), 0, 1000));
  }
  vault.public_access = text_field(properties, "publicNetworkAccess");
  vault.network_acls = member(properties, "networkAcls");
  vault.default_action = text_field(vault.network_acls, "defaultAction");
  for (const auto& rule : items(vault.network_acls, "ipRules")) {
    if (rule.is_object()) vault.ip_rules.push_back(text_field(rule.get_object(), "value"));
  }
  return vault;
}

VaultKey read_vault_key(const json::object& body) {
  const auto& jwk = member(body, "key");
  const auto& attributes = member(body, "attributes");
  VaultKey key;
  key.id = text_field(jwk, "kid");
  key.type = text_field(jwk, "kty");
  key.bits = modulus_bits(jwk);
  key.operations = texts(jwk, "key_ops");
  key.enabled = flag(attributes, "enabled", false);
  key.not_before = unix_time(attributes, "nbf");
  key.expires = unix_time(attributes, "exp");
  return key;
}

Principal read_principal(const json::object& body) {
  return {text_field(body, "id"), text_field(body, "appId"), text_field(body, "displayName"),
          flag(body, "accountEnabled", true)};
}

Role read_role(const json::object& body) {
  const auto& properties = member(body, "properties");
  Role role{text_field(body, "id"), text_field(properties, "roleName"), {}, {}};
  for (const auto& permission : items(properties, "permissions")) {
    if (!permission.is_object()) continue;
    for (auto& action : texts(permission.get_object(), "dataActions")) role.data_actions.push_back(std::move(action));
    for (auto& action : texts(permission.get_object(), "notDataActions")) {
      role.not_data_actions.push_back(std::move(action));
    }
  }
  return role;
}

RoleAssignment read_role_assignment(const json::object& body) {
  const auto& properties = member(body, "properties");
  return {text_field(body, "id"), text_field(properties, "scope"), text_field(properties, "roleDefinitionId"),
          text_field(properties, "principalId"), arm_time(properties, "createdOn")};
}

DiagnosticSetting read_diagnostic_setting(const json::object& body) {
  const auto& properties = member(body, "properties");
  DiagnosticSetting setting;
  setting.name = text_field(body, "name");
  for (const auto& log : items(properties, "logs")) {
    if (!log.is_object() || !flag(log.get_object(), "enabled", false)) continue;
    auto category = text_field(log.get_object(), "category");
    auto group = text_field(log.get_object(), "categoryGroup");
    setting.audits = setting.audits || boost::algorithm::iequals(category, "AuditEvent") ||
                     boost::algorithm::iequals(group, "audit") || boost::algorithm::iequals(group, "allLogs");
  }
  for (std::string_view sink :
       {"workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"}) {
    if (setting.sink.empty()) setting.sink = text_field(properties, sink);
  }
  return setting;
}

}  // namespace latchkey::clouds::azure::customer
