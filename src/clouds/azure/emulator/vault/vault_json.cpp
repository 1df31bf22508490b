#include "clouds/azure/emulator/vault/vault_json.hpp"

#include "base/encoding.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/vault/hsm_roles.hpp"
#include "clouds/azure/emulator/vault/rotation_policy.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

json::array texts(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

json::object version_to_json(const KeyVersion& version) {
  json::object out{{"id", version.id},           {"private_key", version.material->private_pem},
                   {"hsm", version.hsm},         {"operations", texts(version.operations)},
                   {"enabled", version.enabled}, {"created", version.created},
                   {"updated", version.updated}, {"tags", version.tags}};
  if (version.not_before) out["not_before"] = *version.not_before;
  if (version.expires) out["expires"] = *version.expires;
  return out;
}

KeyVersion read_version(const JsonReader& in, bool key_is_hsm) {
  KeyVersion version;
  version.id = in.text("id");
  auto material = read_key_material(in.text("private_key"));
  if (material) {
    version.material = std::move(material.value());
  } else {
    in.complain("private_key", "a private key");
    version.material = std::make_shared<KeyMaterial>();
  }
  version.hsm = in.has("hsm") ? in.flag("hsm") : key_is_hsm;
  version.operations = in.texts("operations");
  version.enabled = in.flag("enabled");
  version.created = in.number("created");
  version.updated = in.number("updated");
  version.tags = in.object("tags");
  version.not_before = in.maybe_number("not_before");
  version.expires = in.maybe_number("expires");
  return version;
}

json::object network_to_json(const NetworkRules& rules) {
  return {{"public_access", rules.public_access},
          {"stated", rules.stated},
          {"deny", rules.deny},
          {"bypass", rules.bypass},
          {"ip_rules", texts(rules.ip_rules)},
          {"virtual_network_rules", rules.virtual_network_rules}};
}

NetworkRules read_network(const JsonReader& in) {
  return {in.flag("public_access"), in.flag("stated"),    in.flag("deny"),
          in.text("bypass"),        in.texts("ip_rules"), in.array("virtual_network_rules")};
}

json::array policies_to_json(const Vault& vault) {
  json::array policies;
  for (const auto& policy : vault.access_policies) {
    policies.push_back(
        json::object{{"object_id", policy.object_id}, {"keys", texts(policy.keys)}, {"shown", policy.shown}});
  }
  return policies;
}

json::object rotation_to_json(const RotationPolicy& policy) {
  json::array actions;
  for (const auto& action : policy.actions) {
    actions.push_back(json::object{
        {"rotates", action.rotates}, {"after_create", action.after_create}, {"before_expiry", action.before_expiry}});
  }
  return {{"actions", std::move(actions)},
          {"expiry_time", policy.expiry_time},
          {"created", policy.created},
          {"updated", policy.updated}};
}

RotationPolicy read_rotation(const JsonReader& in) {
  RotationPolicy policy;
  auto duration = [](const JsonReader& item, std::string_view name) {
    auto text = item.text(name);
    if (!text.empty() && !parse_duration(text)) item.complain(name, "a duration");
    return text;
  };
  in.each("actions", [&](const JsonReader& item) {
    policy.actions.push_back({item.flag("rotates"), duration(item, "after_create"), duration(item, "before_expiry")});
  });
  policy.expiry_time = duration(in, "expiry_time");
  policy.created = in.number("created");
  policy.updated = in.number("updated");
  return policy;
}

void write_keys(const Vault& vault, json::object& out) {
  json::array keys;
  for (const auto& [name, key] : vault.keys) keys.push_back(key_to_json(key));
  json::array deleted_keys;
  for (const auto& [name, deleted] : vault.deleted_keys) {
    deleted_keys.push_back(
        json::object{{"key", key_to_json(deleted.key)}, {"deleted", deleted.deleted}, {"purge_at", deleted.purge_at}});
  }
  json::array diagnostics;
  for (const auto& [name, setting] : vault.diagnostics) {
    diagnostics.push_back(json::object{{"name", setting.name}, {"properties", setting.properties}});
  }
  out["keys"] = std::move(keys);
  out["deleted_keys"] = std::move(deleted_keys);
  out["diagnostics"] = std::move(diagnostics);
}

void read_keys(const JsonReader& in, Vault& vault) {
  in.each("keys", [&](const JsonReader& item) {
    auto key = read_key(item);
    vault.keys[lower(key.name)] = std::move(key);
  });
  in.each("deleted_keys", [&](const JsonReader& item) {
    DeletedKey deleted;
    item.within("key", [&](const JsonReader& key) { deleted.key = read_key(key); });
    deleted.deleted = item.number("deleted");
    deleted.purge_at = item.number("purge_at");
    vault.deleted_keys[lower(deleted.key.name)] = std::move(deleted);
  });
  in.each("diagnostics", [&](const JsonReader& item) {
    DiagnosticSetting setting{item.text("name"), item.object("properties")};
    vault.diagnostics[lower(setting.name)] = std::move(setting);
  });
}

void write_local_roles(const Vault& hsm, json::object& out) {
  json::array assignments;
  for (const auto& [name, assignment] : hsm.local_assignments) assignments.push_back(assignment_to_json(assignment));
  out["local_assignments"] = std::move(assignments);
  out["initial_administrators"] = texts(hsm.initial_administrators);
}

void read_local_roles(const JsonReader& in, Vault& hsm) {
  in.each("local_assignments", [&](const JsonReader& item) {
    auto assignment = read_assignment(item);
    hsm.local_assignments[local_assignment_key(assignment.scope, assignment.name)] = std::move(assignment);
  });
  hsm.initial_administrators = in.texts("initial_administrators");
}

}  // namespace

json::object key_to_json(const Key& key) {
  json::array versions;
  for (const auto& version : key.versions) versions.push_back(version_to_json(version));
  json::object out{{"name", key.name}, {"versions", std::move(versions)}};
  if (key.rotation) out["rotation"] = rotation_to_json(*key.rotation);
  if (key.recovered != 0) out["recovered"] = key.recovered;
  return out;
}

Key read_key(const JsonReader& in) {
  Key key{in.text("name"), {}};
  // Files of earlier releases have it once for each key.
  bool is_hsm = in.has("hsm") && in.flag("hsm");
  in.each("versions", [&](const JsonReader& version) { key.versions.push_back(read_version(version, is_hsm)); });
  if (key.versions.empty()) in.complain("versions", "a list with at least one version");
  if (in.has("rotation"))
    in.within("rotation", [&](const JsonReader& policy) { key.rotation = read_rotation(policy); });
  key.recovered = in.maybe_number("recovered").value_or(0);
  return key;
}

json::object assignment_to_json(const RoleAssignment& assignment) {
  return {{"name", assignment.name},
          {"scope", assignment.scope},
          {"role_id", assignment.role_id},
          {"principal_id", assignment.principal_id},
          {"principal_type", assignment.principal_type},
          {"created_by", assignment.created_by},
          {"created", assignment.created}};
}

RoleAssignment read_assignment(const JsonReader& in) {
  return {
      in.text("name"),           in.text("scope"),      in.text("role_id"),   in.text("principal_id"),
      in.text("principal_type"), in.text("created_by"), in.number("created"), in.maybe_number("removed").value_or(0)};
}

json::object vault_to_json(const Vault& vault) {
  json::object out{{"name", vault.name},
                   {"managed_hsm", vault.managed_hsm},
                   {"subscription_id", vault.subscription_id},
                   {"resource_group", vault.resource_group},
                   {"location", vault.location},
                   {"tenant_id", vault.tenant_id},
                   {"sku", vault.sku},
                   {"rbac", vault.rbac},
                   {"purge_protection", vault.purge_protection},
                   {"retention_days", vault.retention_days},
                   {"for_deployment", vault.for_deployment},
                   {"for_disk_encryption", vault.for_disk_encryption},
                   {"for_template_deployment", vault.for_template_deployment},
                   {"network", network_to_json(vault.network)},
                   {"access_policies", policies_to_json(vault)},
                   {"tags", vault.tags},
                   {"created_by", vault.created_by},
                   {"created", vault.created},
                   {"updated", vault.updated},
                   {"direct_port", static_cast<std::int64_t>(vault.direct_port)}};
  json::array former;
  for (const auto& [rules, until] : vault.former_network) {
    former.push_back(json::object{{"rules", network_to_json(rules)}, {"until", until}});
  }
  out["former_network"] = std::move(former);
  write_keys(vault, out);
  if (vault.managed_hsm) write_local_roles(vault, out);
  return out;
}

Vault read_vault(const JsonReader& in) {
  Vault vault;
  vault.name = in.text("name");
  vault.managed_hsm = in.has("managed_hsm") && in.flag("managed_hsm");
  vault.subscription_id = in.text("subscription_id");
  vault.resource_group = in.text("resource_group");
  vault.location = in.text("location");
  vault.tenant_id = in.text("tenant_id");
  vault.sku = in.text("sku");
  vault.rbac = in.flag("rbac");
  vault.purge_protection = in.flag("purge_protection");
  vault.retention_days = static_cast<int>(in.number("retention_days"));
  vault.for_deployment = in.flag("for_deployment");
  vault.for_disk_encryption = in.flag("for_disk_encryption");
  vault.for_template_deployment = in.flag("for_template_deployment");
  in.within("network", [&](const JsonReader& rules) { vault.network = read_network(rules); });
  if (in.has("former_network")) {
    in.each("former_network", [&](const JsonReader& item) {
      FormerRules former{{}, item.number("until")};
      item.within("rules", [&](const JsonReader& rules) { former.rules = read_network(rules); });
      vault.former_network.push_back(std::move(former));
    });
  }
  in.each("access_policies", [&](const JsonReader& policy) {
    vault.access_policies.push_back({policy.text("object_id"), policy.texts("keys"), policy.object("shown")});
  });
  vault.tags = in.object("tags");
  vault.created_by = in.text("created_by");
  vault.created = in.number("created");
  vault.updated = in.number("updated");
  auto port = in.number("direct_port");
  if (port < 0 || port > 65535) in.complain("direct_port", "a port");
  vault.direct_port = static_cast<std::uint16_t>(port);
  read_keys(in, vault);
  if (vault.managed_hsm) read_local_roles(in, vault);
  return vault;
}

}  // namespace latchkey::clouds::azure::emulator
