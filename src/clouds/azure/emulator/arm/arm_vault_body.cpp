#include <fmt/format.h>

#include "base/json_fields.hpp"
#include "clouds/azure/emulator/arm/arm.hpp"
#include "clouds/azure/emulator/network.hpp"

namespace latchkey::clouds::azure::emulator::arm {

namespace json = boost::json;

namespace {

constexpr int kShortestRetention = 7;
constexpr int kLongestRetention = 90;

const json::value* given(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Refusal wrong_type(std::string_view name) {
  return bad_request(fmt::format("The property \"{}\" is invalid or has another type.", name));
}

Outcome<void> read_flag(const json::object& properties, std::string_view name, bool& flag) {
  if (const auto* value = given(properties, name); value != nullptr) {
    if (!value->is_bool()) return wrong_type(name);
    flag = value->get_bool();
  }
  return success();
}

Outcome<void> read_sku(const json::object& properties, bool is_new, Vault& vault) {
  const auto* sku = given(properties, "sku");
  if (sku == nullptr) return is_new ? Outcome<void>(wrong_type("sku")) : success();
  const auto* name = sku->is_object() ? given(sku->get_object(), "name") : nullptr;
  if (name == nullptr || !name->is_string()) return wrong_type("sku");
  auto text = lower(std::string_view(name->get_string()));
  if (text != "standard" && text != "premium") return wrong_type("sku");
  vault.sku = text;
  return success();
}

Outcome<void> read_tenant(const Model& model, const json::object& properties, bool is_new, Vault& vault) {
  const auto* tenant = given(properties, "tenantId");
  if (tenant == nullptr) return is_new ? Outcome<void>(wrong_type("tenantId")) : success();
  if (!tenant->is_string()) return wrong_type("tenantId");
  auto id = lower(std::string_view(tenant->get_string()));
  if (!model.tenants.contains(id)) {
    return bad_request(fmt::format("An invalid value was provided for 'tenantId': there is no tenant {}.",
                                   json_fields::clean_text(id)));
  }
  vault.tenant_id = id;
  return success();
}

Outcome<void> read_protection(const json::object& properties, bool is_new, Vault& vault) {
  bool soft_delete = true;
  LATCHKEY_TRYV(read_flag(properties, "enableSoftDelete", soft_delete));
  if (!soft_delete) return bad_request("The property \"enableSoftDelete\" cannot be set to false for the vault.");
  if (const auto* days = given(properties, "softDeleteRetentionInDays"); days != nullptr) {
    if (!days->is_int64() || days->get_int64() < kShortestRetention || days->get_int64() > kLongestRetention) {
      return bad_request(fmt::format("The property \"softDeleteRetentionInDays\" must be between {} and {}.",
                                     kShortestRetention, kLongestRetention));
    }
    if (!is_new && days->get_int64() != vault.retention_days) {
      return bad_request("The property \"softDeleteRetentionInDays\" has been set already and it can't be modified.");
    }
    vault.retention_days = static_cast<int>(days->get_int64());
  }
  bool protect = vault.purge_protection;
  const auto* stated = given(properties, "enablePurgeProtection");
  LATCHKEY_TRYV(read_flag(properties, "enablePurgeProtection", protect));
  if (stated != nullptr && !protect) {
    return bad_request(
        "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge protection for "
        "a vault is an irreversible action.");
  }
  vault.purge_protection = protect;
  return success();
}

Outcome<std::vector<std::string>> read_ip_rules(const json::value& value) {
  constexpr std::size_t kMostRules = 1000;
  if (!value.is_array() || value.get_array().size() > kMostRules) return wrong_type("ipRules");
  std::vector<std::string> rules;
  for (const auto& item : value.get_array()) {
    const auto* range = item.is_object() ? given(item.get_object(), "value") : nullptr;
    if (range == nullptr || !range->is_string()) return wrong_type("ipRules");
    std::string text(range->get_string());
    if (!is_ip_rule(text)) {
      return bad_request(fmt::format("The IP rule '{}' is invalid: it must be a public IPv4 address or range.",
                                     json_fields::clean_text(text)));
    }
    // The service keeps a single address as a range.
    if (text.find('/') == std::string::npos) text += "/32";
    rules.push_back(std::move(text));
  }
  return rules;
}

// The service keeps a subnet's id in lower case.
Outcome<json::array> read_network_rules(const json::value& value) {
  constexpr std::size_t kMostRules = 200;
  if (!value.is_array() || value.get_array().size() > kMostRules) return wrong_type("virtualNetworkRules");
  auto rules = value.get_array();
  for (auto& item : rules) {
    auto* id = item.is_object() ? item.get_object().if_contains("id") : nullptr;
    if (id == nullptr || !id->is_string() || id->get_string().empty()) return wrong_type("virtualNetworkRules");
    *id = lower(std::string_view(id->get_string()));
  }
  return rules;
}

Outcome<void> read_network(const json::object& properties, Vault& vault) {
  auto& rules = vault.network;
  if (const auto* access = given(properties, "publicNetworkAccess"); access != nullptr) {
    if (!access->is_string()) return wrong_type("publicNetworkAccess");
    std::string_view text = access->get_string();
    if (!same(text, "Enabled") && !same(text, "Disabled")) return wrong_type("publicNetworkAccess");
    rules.public_access = same(text, "Enabled");
  }
  const auto* acls = given(properties, "networkAcls");
  if (acls == nullptr) return success();
  if (!acls->is_object()) return wrong_type("networkAcls");
  const auto& object = acls->get_object();
  rules.stated = true;
  if (const auto* action = given(object, "defaultAction"); action != nullptr) {
    if (!action->is_string()) return wrong_type("defaultAction");
    std::string_view text = action->get_string();
    if (!same(text, "Allow") && !same(text, "Deny")) return wrong_type("defaultAction");
    rules.deny = same(text, "Deny");
  }
  if (const auto* bypass = given(object, "bypass"); bypass != nullptr) {
    if (!bypass->is_string()) return wrong_type("bypass");
    std::string_view text = bypass->get_string();
    if (!same(text, "None") && !same(text, "AzureServices")) return wrong_type("bypass");
    rules.bypass = same(text, "None") ? "None" : "AzureServices";
  }
  if (const auto* ranges = given(object, "ipRules"); ranges != nullptr) {
    LATCHKEY_TRY(rules.ip_rules, read_ip_rules(*ranges));
  }
  if (const auto* networks = given(object, "virtualNetworkRules"); networks != nullptr) {
    LATCHKEY_TRY(rules.virtual_network_rules, read_network_rules(*networks));
  }
  return success();
}

Outcome<void> read_policies(const json::object& properties, Vault& vault) {
  const auto* policies = given(properties, "accessPolicies");
  if (policies == nullptr) return success();
  if (!policies->is_array()) return wrong_type("accessPolicies");
  vault.access_policies.clear();
  for (const auto& item : policies->get_array()) {
    const auto* principal = item.is_object() ? given(item.get_object(), "objectId") : nullptr;
    if (principal == nullptr || !principal->is_string()) return wrong_type("accessPolicies");
    AccessPolicy policy{lower(std::string_view(principal->get_string())), {}, item.get_object()};
    for (auto name : {"tenantId", "objectId", "applicationId"}) {
      auto* id = policy.shown.if_contains(name);
      if (id != nullptr && id->is_string() && is_guid(id->get_string()))
        *id = lower(std::string_view(id->get_string()));
    }
    const auto* permissions = given(item.get_object(), "permissions");
    const auto* keys =
        permissions != nullptr && permissions->is_object() ? given(permissions->get_object(), "keys") : nullptr;
    if (keys != nullptr && keys->is_array()) {
      for (const auto& permission : keys->get_array()) {
        if (!permission.is_string()) return wrong_type("accessPolicies");
        policy.keys.push_back(lower(std::string_view(permission.get_string())));
      }
    }
    vault.access_policies.push_back(std::move(policy));
  }
  return success();
}

Outcome<void> read_properties(const Model& model, const json::object& properties, bool is_new, Vault& vault) {
  LATCHKEY_TRYV(read_sku(properties, is_new, vault));
  LATCHKEY_TRYV(read_tenant(model, properties, is_new, vault));
  LATCHKEY_TRYV(read_protection(properties, is_new, vault));
  LATCHKEY_TRYV(read_flag(properties, "enableRbacAuthorization", vault.rbac));
  LATCHKEY_TRYV(read_flag(properties, "enabledForDeployment", vault.for_deployment));
  LATCHKEY_TRYV(read_flag(properties, "enabledForDiskEncryption", vault.for_disk_encryption));
  LATCHKEY_TRYV(read_flag(properties, "enabledForTemplateDeployment", vault.for_template_deployment));
  LATCHKEY_TRYV(read_network(properties, vault));
  return read_policies(properties, vault);
}

json::object show_network(const NetworkRules& rules) {
  json::array ranges;
  for (const auto& rule : rules.ip_rules) ranges.push_back(json::object{{"value", rule}});
  return {{"bypass", rules.bypass},
          {"defaultAction", rules.deny ? "Deny" : "Allow"},
          {"ipRules", std::move(ranges)},
          {"virtualNetworkRules", rules.virtual_network_rules}};
}

}  // namespace

Outcome<void> apply_vault_body(const Model& model, const json::object& body, bool is_new, Vault& vault) {
  LATCHKEY_TRY(auto tags, read_tags(body));
  if (tags) vault.tags = std::move(*tags);
  const auto* properties = given(body, "properties");
  if (properties == nullptr) return is_new ? Outcome<void>(wrong_type("properties")) : success();
  if (!properties->is_object()) return wrong_type("properties");
  return read_properties(model, properties->get_object(), is_new, vault);
}

json::object show_vault(const Vault& vault) {
  json::array policies;
  for (const auto& policy : vault.access_policies) policies.push_back(policy.shown);
  json::object properties{{"sku", json::object{{"family", "A"}, {"name", vault.sku}}},
                          {"tenantId", vault.tenant_id},
                          {"accessPolicies", std::move(policies)},
                          {"enabledForDeployment", vault.for_deployment},
                          {"enabledForDiskEncryption", vault.for_disk_encryption},
                          {"enabledForTemplateDeployment", vault.for_template_deployment},
                          {"enableSoftDelete", true},
                          {"softDeleteRetentionInDays", vault.retention_days},
                          {"enableRbacAuthorization", vault.rbac}};
  if (vault.network.stated) properties["networkAcls"] = show_network(vault.network);
  if (vault.purge_protection) properties["enablePurgeProtection"] = true;
  properties["vaultUri"] = fmt::format("https://{}.vault.azure.net/", lower(vault.name));
  properties["provisioningState"] = "Succeeded";
  properties["publicNetworkAccess"] = vault.network.public_access ? "Enabled" : "Disabled";
  return {{"id", vault_resource_id(vault)},
          {"name", vault.name},
          {"type", "Microsoft.KeyVault/vaults"},
          {"location", vault.location},
          {"tags", vault.tags},
          {"systemData", json::object{{"createdBy", vault.created_by},
                                      {"createdByType", "Application"},
                                      {"createdAt", arm_time(vault.created)},
                                      {"lastModifiedBy", vault.created_by},
                                      {"lastModifiedByType", "Application"},
                                      {"lastModifiedAt", arm_time(vault.updated)}}},
          {"properties", std::move(properties)}};
}

}  // namespace latchkey::clouds::azure::emulator::arm
