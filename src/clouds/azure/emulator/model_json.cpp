#include "clouds/azure/emulator/model_json.hpp"

#include "base/encoding.hpp"
#include "clouds/azure/emulator/entra/conditional_access.hpp"
#include "clouds/azure/emulator/json_reader.hpp"
#include "clouds/azure/emulator/vault/vault_json.hpp"
#include "crypto/aead.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

json::object to_json(const TlsMaterial& tls) {
  return {{"ca_key", tls.ca_key_pem},
          {"ca_certificate", tls.ca_certificate_pem},
          {"key", tls.key_pem},
          {"certificate", tls.certificate_pem}};
}

TlsMaterial read_tls(const JsonReader& in) {
  return {in.text("ca_key"), in.text("ca_certificate"), in.text("key"), in.text("certificate")};
}

json::object to_json(const SigningKey& key) {
  return {{"kid", key.kid}, {"private_key", key.private_pem}};
}

SigningKey read_signing_key(const JsonReader& in) {
  SigningKey key{in.text("kid"), in.text("private_key"), std::nullopt};
  auto parsed = crypto::RsaKey::from_pem(key.private_pem);
  if (parsed && parsed.value().has_private()) {
    key.key = parsed.value();
  } else {
    in.complain("private_key", "a private RSA key");
  }
  return key;
}

json::object to_json(const Application& app) {
  json::array secrets;
  for (const auto& secret : app.secrets) {
    secrets.push_back(json::object{{"key_id", secret.key_id},
                                   {"display_name", secret.display_name},
                                   {"hint", secret.hint},
                                   {"sha256", secret.sha256},
                                   {"start", secret.start},
                                   {"end", secret.end}});
  }
  json::array certificates;
  for (const auto& certificate : app.certificates) {
    certificates.push_back(json::object{{"key_id", certificate.key_id}, {"certificate", certificate.certificate_pem}});
  }
  json::array federated;
  for (const auto& credential : app.federated) {
    federated.push_back(json::object{{"id", credential.id},
                                     {"name", credential.name},
                                     {"issuer", credential.issuer},
                                     {"subject", credential.subject},
                                     {"audience", credential.audience},
                                     {"description", credential.description}});
  }
  return {{"object_id", app.object_id},       {"app_id", app.app_id},
          {"display_name", app.display_name}, {"tenant_id", app.tenant_id},
          {"multi_tenant", app.multi_tenant}, {"created", app.created},
          {"secrets", std::move(secrets)},    {"certificates", std::move(certificates)},
          {"federated", std::move(federated)}};
}

Application read_application(const JsonReader& in) {
  Application app{in.text("object_id"),
                  in.text("app_id"),
                  in.text("display_name"),
                  in.text("tenant_id"),
                  in.flag("multi_tenant"),
                  in.number("created"),
                  {},
                  {},
                  {}};
  in.each("secrets", [&](const JsonReader& secret) {
    app.secrets.push_back({secret.text("key_id"), secret.text("display_name"), secret.text("hint"),
                           secret.text("sha256"), secret.number("start"), secret.number("end")});
  });
  in.each("certificates", [&](const JsonReader& certificate) {
    app.certificates.push_back({certificate.text("key_id"), certificate.text("certificate")});
  });
  in.each("federated", [&](const JsonReader& credential) {
    app.federated.push_back({credential.text("id"), credential.text("name"), credential.text("issuer"),
                             credential.text("subject"), credential.text("audience"), credential.text("description")});
  });
  return app;
}

json::object to_json(const ServicePrincipal& principal) {
  return {{"object_id", principal.object_id},
          {"app_id", principal.app_id},
          {"tenant_id", principal.tenant_id},
          {"enabled", principal.enabled},
          {"created", principal.created},
          {"directory_roles", json::array(principal.directory_roles.begin(), principal.directory_roles.end())}};
}

json::array texts(const std::vector<std::string>& values) {
  return json::array(values.begin(), values.end());
}

json::object to_json(const CustomRole& role) {
  return {{"id", role.id},
          {"tenant_id", role.tenant_id},
          {"name", role.name},
          {"description", role.description},
          {"actions", texts(role.actions)},
          {"not_actions", texts(role.not_actions)},
          {"data_actions", texts(role.data_actions)},
          {"not_data_actions", texts(role.not_data_actions)},
          {"assignable_scopes", texts(role.assignable_scopes)}};
}

CustomRole read_custom_role(const JsonReader& in) {
  return {in.text("id"),
          in.text("tenant_id"),
          in.text("name"),
          in.text("description"),
          in.texts("actions"),
          in.texts("not_actions"),
          in.texts("data_actions"),
          in.texts("not_data_actions"),
          in.texts("assignable_scopes")};
}

json::object to_json(const SeedRecord& seed) {
  return {{"customer_tenant_id", seed.customer_tenant_id},
          {"platform_tenant_id", seed.platform_tenant_id},
          {"subscription_id", seed.subscription_id},
          {"resource_group", seed.resource_group},
          {"admin_app_id", seed.admin_app_id},
          {"admin_secret", seed.admin_secret},
          {"platform_app_id", seed.platform_app_id},
          {"vault_name", seed.vault_name},
          {"key_name", seed.key_name},
          {"guide_done", seed.guide_done}};
}

SeedRecord read_seed(const JsonReader& in) {
  return {in.text("customer_tenant_id"), in.text("platform_tenant_id"), in.text("subscription_id"),
          in.text("resource_group"),     in.text("admin_app_id"),       in.text("admin_secret"),
          in.text("platform_app_id"),    in.text("vault_name"),         in.text("key_name"),
          in.flag("guide_done")};
}

template <class Map, class Render>
json::array list_of(const Map& map, Render render) {
  json::array list;
  for (const auto& [name, value] : map) list.push_back(render(value));
  return list;
}

void write_directory(const Model& model, json::object& out) {
  out["tenants"] = list_of(model.tenants, [](const Tenant& tenant) {
    return json::object{{"id", tenant.id}, {"display_name", tenant.display_name}, {"domain", tenant.domain}};
  });
  out["applications"] = list_of(model.applications, [](const Application& app) { return to_json(app); });
  out["service_principals"] =
      list_of(model.service_principals, [](const ServicePrincipal& principal) { return to_json(principal); });
  out["issuers"] = list_of(model.issuers, [](const TrustedIssuer& issuer) {
    return json::object{{"issuer", issuer.issuer}, {"jwks", issuer.jwks}};
  });
}

void read_directory(const JsonReader& in, Model& model) {
  in.each("tenants", [&](const JsonReader& item) {
    Tenant tenant{item.text("id"), item.text("display_name"), item.text("domain")};
    model.tenants[tenant.id] = tenant;
  });
  in.each("applications", [&](const JsonReader& item) {
    auto app = read_application(item);
    if (!model.tenants.contains(app.tenant_id)) item.complain("tenant_id", "a tenant of this file");
    model.applications[app.app_id] = std::move(app);
  });
  in.each("service_principals", [&](const JsonReader& item) {
    ServicePrincipal principal{item.text("object_id"), item.text("app_id"),    item.text("tenant_id"),
                               item.flag("enabled"),   item.number("created"), item.texts("directory_roles")};
    if (!model.tenants.contains(principal.tenant_id)) item.complain("tenant_id", "a tenant of this file");
    model.service_principals[principal.object_id] = std::move(principal);
  });
  in.each("issuers", [&](const JsonReader& item) {
    TrustedIssuer issuer{item.text("issuer"), item.object("jwks")};
    model.issuers[issuer.issuer] = std::move(issuer);
  });
}

void write_resources(const Model& model, json::object& out) {
  out["subscriptions"] = list_of(model.subscriptions, [](const Subscription& subscription) {
    return json::object{
        {"id", subscription.id}, {"display_name", subscription.display_name}, {"tenant_id", subscription.tenant_id}};
  });
  out["resource_groups"] = list_of(model.resource_groups, [](const ResourceGroup& group) {
    return json::object{{"name", group.name},
                        {"subscription_id", group.subscription_id},
                        {"location", group.location},
                        {"tags", group.tags}};
  });
  out["custom_roles"] = list_of(model.custom_roles, [](const CustomRole& role) { return to_json(role); });
  out["role_assignments"] =
      list_of(model.role_assignments, [](const RoleAssignment& assignment) { return assignment_to_json(assignment); });
  json::array removed;
  for (const auto& assignment : model.removed_assignments) {
    removed.push_back(assignment_to_json(assignment));
    removed.back().get_object()["removed"] = assignment.removed;
  }
  out["removed_assignments"] = std::move(removed);
  out["vaults"] = list_of(model.vaults, [](const Vault& vault) { return vault_to_json(vault); });
  auto deleted_to_json = [](const DeletedVault& deleted) {
    return json::object{
        {"vault", vault_to_json(deleted.vault)}, {"deleted", deleted.deleted}, {"purge_at", deleted.purge_at}};
  };
  out["deleted_vaults"] = list_of(model.deleted_vaults, deleted_to_json);
  out["managed_hsms"] = list_of(model.managed_hsms, [](const Vault& hsm) { return vault_to_json(hsm); });
  out["deleted_managed_hsms"] = list_of(model.deleted_managed_hsms, deleted_to_json);
}

void read_resources(const JsonReader& in, Model& model) {
  in.each("subscriptions", [&](const JsonReader& item) {
    Subscription subscription{item.text("id"), item.text("display_name"), item.text("tenant_id")};
    if (!model.tenants.contains(subscription.tenant_id)) item.complain("tenant_id", "a tenant of this file");
    model.subscriptions[subscription.id] = subscription;
  });
  in.each("resource_groups", [&](const JsonReader& item) {
    ResourceGroup group{item.text("name"), item.text("subscription_id"), item.text("location"), item.object("tags")};
    model.resource_groups[lower(group.subscription_id) + "/" + lower(group.name)] = std::move(group);
  });
  in.each("role_assignments", [&](const JsonReader& item) {
    auto assignment = read_assignment(item);
    model.role_assignments[role_assignment_key(assignment.scope, assignment.name)] = std::move(assignment);
  });
  if (in.has("removed_assignments")) {
    in.each("removed_assignments",
            [&](const JsonReader& item) { model.removed_assignments.push_back(read_assignment(item)); });
  }
  in.each("vaults", [&](const JsonReader& item) {
    auto vault = read_vault(item);
    model.vaults[lower(vault.name)] = std::move(vault);
  });
  auto read_deleted = [](const JsonReader& item) {
    DeletedVault deleted;
    item.within("vault", [&](const JsonReader& vault) { deleted.vault = read_vault(vault); });
    deleted.deleted = item.number("deleted");
    deleted.purge_at = item.number("purge_at");
    return deleted;
  };
  in.each("deleted_vaults", [&](const JsonReader& item) {
    auto deleted = read_deleted(item);
    model.deleted_vaults[lower(deleted.vault.name)] = std::move(deleted);
  });
  // Files of earlier releases have neither.
  if (!in.has("managed_hsms")) return;
  in.each("custom_roles", [&](const JsonReader& item) {
    auto role = read_custom_role(item);
    model.custom_roles[lower(role.id)] = std::move(role);
  });
  in.each("managed_hsms", [&](const JsonReader& item) {
    auto hsm = read_vault(item);
    model.managed_hsms[lower(hsm.name)] = std::move(hsm);
  });
  in.each("deleted_managed_hsms", [&](const JsonReader& item) {
    auto deleted = read_deleted(item);
    model.deleted_managed_hsms[lower(deleted.vault.name)] = std::move(deleted);
  });
}

}  // namespace

json::object to_json(const Model& model) {
  json::object out;
  out["format"] = 1;
  out["tls"] = to_json(model.tls);
  out["token_key"] = to_json(model.token_key);
  out["workload_key"] = to_json(model.workload_key);
  write_directory(model, out);
  write_resources(model, out);
  out["clock_distance"] = model.clock_distance;
  out["conditional_access"] = list_of(model.conditional_access,
                                      [](const ConditionalAccessPolicy& policy) { return emulator::to_json(policy); });
  if (!model.backup_key.empty()) out["backup_key"] = base64url_encode(model.backup_key);
  if (model.seed) out["seed"] = to_json(*model.seed);
  return out;
}

Result<Model> model_from_json(const json::object& text) {
  Model model;
  std::string complaint;
  JsonReader in(text, "", complaint);
  if (in.number("format") != 1) in.complain("format", "1, the only one this program reads");
  in.within("tls", [&](const JsonReader& tls) { model.tls = read_tls(tls); });
  in.within("token_key", [&](const JsonReader& key) { model.token_key = read_signing_key(key); });
  in.within("workload_key", [&](const JsonReader& key) { model.workload_key = read_signing_key(key); });
  read_directory(in, model);
  read_resources(in, model);
  if (in.has("conditional_access")) {
    in.each("conditional_access", [&](const JsonReader& item) {
      auto policy = read_policy(item);
      model.conditional_access[policy.id] = std::move(policy);
    });
  }
  if (in.has("backup_key")) {
    auto key = base64url_decode(in.text("backup_key"));
    if (!key || key.value().size() != crypto::kAesKeySize) in.complain("backup_key", "a key of 32 bytes");
    if (key) model.backup_key = std::move(key.value());
  }
  if (in.has("seed")) in.within("seed", [&](const JsonReader& seed) { model.seed = read_seed(seed); });
  model.clock_distance = in.maybe_number("clock_distance").value_or(0);
  if (!complaint.empty()) return Error{ErrorCode::Invalid, complaint};
  return model;
}

}  // namespace latchkey::clouds::azure::emulator
