#include "clouds/azure/emulator/seed.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "clouds/azure/emulator/key_material.hpp"
#include "clouds/azure/emulator/roles.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr Seconds kTenYears = Seconds{3650} * 86400;
constexpr unsigned kKeyBits = 3072;

Result<void> check_options(const SeedOptions& options) {
  if (!is_guid(options.platform_app_id)) {
    return Error{ErrorCode::Invalid, fmt::format("the platform's app id {} is not a GUID", options.platform_app_id)};
  }
  if (!is_vault_name(options.vault_name) || !is_key_name(options.key_name)) {
    return Error{ErrorCode::Invalid,
                 fmt::format("no vault can be called {}, or no key {}", options.vault_name, options.key_name)};
  }
  return success();
}

class Seeder {
 public:
  Seeder(Model& model, const Cloud& cloud, const SeedOptions& options)
      : model_(model), cloud_(cloud), options_(options), now_(unix_seconds(cloud.clock)) {}

  void customer() {
    SeedRecord record;
    record.customer_tenant_id = tenant("Contoso", "contoso.onmicrosoft.com");
    record.platform_tenant_id = tenant("Latchkey Platform", "latchkey.onmicrosoft.com");
    record.subscription_id = new_guid(cloud_.random);
    model_.subscriptions[record.subscription_id] = {record.subscription_id, "Contoso Development",
                                                    record.customer_tenant_id};
    record.resource_group = options_.resource_group;
    model_.resource_groups[record.subscription_id + "/" + lower(options_.resource_group)] = {
        options_.resource_group, record.subscription_id, options_.location, {}};
    record.vault_name = options_.vault_name;
    record.key_name = options_.key_name;
    record.platform_app_id = lower(options_.platform_app_id);
    admin(record);
    model_.seed = record;
    vault();
  }

  // The certificate may differ from last time: the platform's data folder may have been replaced.
  void platform() {
    auto& record = *model_.seed;
    record.platform_app_id = lower(options_.platform_app_id);
    auto& app = model_.applications[record.platform_app_id];
    if (app.app_id.empty()) {
      app.object_id = new_guid(cloud_.random);
      app.app_id = record.platform_app_id;
      app.tenant_id = record.platform_tenant_id;
      app.multi_tenant = true;
      app.created = now_;
    }
    app.display_name = options_.platform_app_name;
    const auto& pem = options_.platform_certificate_pem;
    bool is_known = std::any_of(app.certificates.begin(), app.certificates.end(),
                                [&](const CertificateCredential& known) { return known.certificate_pem == pem; });
    if (!pem.empty() && !is_known) app.certificates.push_back({new_guid(cloud_.random), pem});
  }

  // Does what the guide has the customer's admin do: consent, key and role.
  void guide(const SharedMaterial& material) {
    auto& record = *model_.seed;
    record.guide_done = true;
    auto* principal = const_cast<ServicePrincipal*>(
        find_service_principal(model_, record.customer_tenant_id, record.platform_app_id));
    auto principal_id = principal != nullptr ? principal->object_id
                                             : service_principal(record.platform_app_id, record.customer_tenant_id, {});
    auto* vault = find_vault(model_, record.vault_name);
    if (vault == nullptr) return;
    if (!vault->keys.contains(lower(record.key_name)) && !vault->deleted_keys.contains(lower(record.key_name))) {
      KeyVersion version;
      version.id = random_hex(cloud_.random, 16);
      version.material = material;
      version.operations = {"wrapKey", "unwrapKey"};
      version.created = now_;
      version.updated = now_;
      vault->keys[lower(record.key_name)] = Key{record.key_name, {std::move(version)}};
    }
    assign(kCryptoUserRole, principal_id, vault_resource_id(*vault) + "/keys/" + record.key_name);
  }

 private:
  std::string tenant(std::string name, std::string domain) {
    auto id = new_guid(cloud_.random);
    model_.tenants[id] = {id, std::move(name), std::move(domain)};
    return id;
  }

  std::string service_principal(const std::string& app_id, const std::string& tenant_id,
                                std::vector<std::string> directory_roles) {
    auto id = new_guid(cloud_.random);
    model_.service_principals[id] = {id, app_id, tenant_id, true, now_, std::move(directory_roles)};
    return id;
  }

  void assign(std::string_view role_id, const std::string& principal_id, const std::string& scope) {
    auto name = new_guid(cloud_.random);
    // They existed before the first request, so no delay holds them up.
    model_.role_assignments[role_assignment_key(scope, name)] = {
        name, scope, std::string(role_id), principal_id, "ServicePrincipal", principal_id, now_ - kLongestDelay};
  }

  void admin(SeedRecord& record) {
    Application app;
    app.object_id = new_guid(cloud_.random);
    app.app_id = new_guid(cloud_.random);
    app.display_name = "Contoso cloud security admin";
    app.tenant_id = record.customer_tenant_id;
    app.created = now_;
    Bytes raw(30);
    cloud_.random.fill(raw);
    record.admin_secret = base64url_encode(raw);
    record.admin_app_id = app.app_id;
    app.secrets.push_back({new_guid(cloud_.random), "development", record.admin_secret.substr(0, 3),
                           hex_encode(crypto::sha256(as_bytes(record.admin_secret))), now_, now_ + kTenYears});
    model_.applications[app.app_id] = app;
    auto principal = service_principal(app.app_id, record.customer_tenant_id, {"Cloud Application Administrator"});
    auto subscription = "/subscriptions/" + record.subscription_id;
    assign(kOwnerRole, principal, subscription);
    assign(kVaultAdministratorRole, principal,
           fmt::format("{}/resourceGroups/{}/providers/Microsoft.KeyVault/vaults/{}", subscription,
                       record.resource_group, record.vault_name));
  }

  void vault() {
    const auto& record = *model_.seed;
    Vault vault;
    vault.name = record.vault_name;
    vault.subscription_id = record.subscription_id;
    vault.resource_group = record.resource_group;
    vault.location = options_.location;
    vault.tenant_id = record.customer_tenant_id;
    vault.purge_protection = true;
    vault.network.stated = true;
    vault.created_by = record.admin_app_id;
    vault.created = now_;
    vault.updated = now_;
    json::object properties{
        {"workspaceId", fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.OperationalInsights/"
                                    "workspaces/latchkey-audit",
                                    record.subscription_id, record.resource_group)},
        {"logs", json::array{json::object{{"category", "AuditEvent"}, {"enabled", true}}}},
        {"metrics", json::array()}};
    vault.diagnostics["audit"] = DiagnosticSetting{"audit", std::move(properties)};
    model_.vaults[lower(vault.name)] = std::move(vault);
  }

  Model& model_;
  const Cloud& cloud_;
  const SeedOptions& options_;
  Seconds now_;
};

SeedResult result_of(const Model& model) {
  const auto& record = *model.seed;
  SeedResult result;
  result.tenant_id = record.customer_tenant_id;
  result.subscription_id = record.subscription_id;
  result.resource_group = record.resource_group;
  result.admin_client_id = record.admin_app_id;
  result.admin_client_secret = record.admin_secret;
  result.platform_tenant_id = record.platform_tenant_id;
  result.platform_app_id = record.platform_app_id;
  const auto* principal = find_service_principal(model, record.customer_tenant_id, record.platform_app_id);
  if (principal != nullptr) result.platform_principal_id = principal->object_id;
  result.vault_name = record.vault_name;
  result.vault_uri = fmt::format("https://{}.vault.azure.net/", lower(record.vault_name));
  const auto* vault = find_vault(model, record.vault_name);
  if (vault != nullptr) result.vault_resource_id = vault_resource_id(*vault);
  result.key_name = record.key_name;
  return result;
}

}  // namespace

Result<SeedResult> seed_cloud(Cloud& cloud, const SeedOptions& options) {
  LATCHKEY_TRYV(check_options(options));
  if (!options.platform_certificate_pem.empty()) {
    LATCHKEY_TRYV(crypto::read_certificate(options.platform_certificate_pem));
  }
  auto before = cloud.state.read();
  bool does_guide = !options.bare && !(before->seed && before->seed->guide_done);
  SharedMaterial material;
  if (does_guide) {
    LATCHKEY_TRY(auto key, cloud.new_rsa_key(kKeyBits));
    LATCHKEY_TRY(material, to_material(std::move(key)));
  }
  auto seeded = cloud.state.change([&](Model& model) -> Outcome<SeedResult> {
    Seeder seeder(model, cloud, options);
    if (!model.seed) seeder.customer();
    seeder.platform();
    if (does_guide) seeder.guide(material);
    return result_of(model);
  });
  if (!seeded) return Error{ErrorCode::Unavailable, seeded.error().message};
  return std::move(seeded.value());
}

}  // namespace latchkey::clouds::azure::emulator
