// What the emulated cloud holds: tenants and their directory, subscriptions and what is in them, vaults and their keys.
// Plain values. State keeps one Model, hands out immutable snapshots and replaces it as a whole.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/text.hpp"
#include "crypto/ec.hpp"
#include "crypto/rsa.hpp"

namespace latchkey::clouds::azure::emulator {

// How long the model remembers what held before a change, and so the longest time that a change may take to hold.
inline constexpr Seconds kLongestDelay = 86'400;

struct Tenant {
  std::string id;
  std::string display_name;
  std::string domain;  // "contoso.onmicrosoft.com"
};

struct SecretCredential {
  std::string key_id;
  std::string display_name;
  std::string hint;    // the first three characters, as Graph shows them
  std::string sha256;  // hex; the secret itself is not kept
  Seconds start = 0;
  Seconds end = 0;
};

struct CertificateCredential {
  std::string key_id;
  std::string certificate_pem;
};

// Issuer, subject and audience must fit a presented token exactly, in case too.
struct FederatedCredential {
  std::string id;
  std::string name;
  std::string issuer;
  std::string subject;
  std::string audience;
  std::string description;
};

// An application lives in its home tenant; another tenant has a service principal of it.
struct Application {
  std::string object_id;
  std::string app_id;
  std::string display_name;
  std::string tenant_id;
  bool multi_tenant = false;
  Seconds created = 0;
  std::vector<SecretCredential> secrets;
  std::vector<CertificateCredential> certificates;
  std::vector<FederatedCredential> federated;
};

struct ServicePrincipal {
  std::string object_id;
  std::string app_id;
  std::string tenant_id;
  bool enabled = true;
  Seconds created = 0;
  // "Cloud Application Administrator" and the like, which say what it may do in the directory.
  std::vector<std::string> directory_roles;
};

// An OpenID provider outside Entra whose tokens federated credentials may trust. Its keys are configured; the emulator
// fetches nothing.
struct TrustedIssuer {
  std::string issuer;
  boost::json::object jwks;
};

struct Subscription {
  std::string id;
  std::string display_name;
  std::string tenant_id;
};

struct ResourceGroup {
  std::string name;
  std::string subscription_id;
  std::string location;
  boost::json::object tags;
};

struct RoleAssignment {
  std::string name;  // a GUID
  std::string scope;
  std::string role_id;  // the GUID of the definition
  std::string principal_id;
  std::string principal_type;
  std::string created_by;
  Seconds created = 0;
  Seconds removed = 0;  // 0: it stands
};

// Denies an application of a tenant its tokens, except at the named locations.
struct ConditionalAccessPolicy {
  std::string id;  // a GUID
  std::string display_name;
  std::string tenant_id;
  std::string app_id;
  std::vector<std::string> named_locations;  // addresses and ranges
};

// A role that a customer has made, in addition to Azure's own.
struct CustomRole {
  std::string id;  // a GUID
  std::string tenant_id;
  std::string name;
  std::string description;
  std::vector<std::string> actions;
  std::vector<std::string> not_actions;
  std::vector<std::string> data_actions;
  std::vector<std::string> not_data_actions;
  std::vector<std::string> assignable_scopes;
};

struct DiagnosticSetting {
  std::string name;
  boost::json::object properties;
};

// Exactly one of the two is set.
struct KeyMaterial {
  std::string private_pem;
  std::optional<crypto::RsaKey> rsa;
  std::optional<crypto::EcKey> ec;
};

struct KeyVersion {
  std::string id;  // 32 hexadecimal digits
  std::shared_ptr<const KeyMaterial> material;
  bool hsm = false;  // RSA-HSM or EC-HSM
  std::vector<std::string> operations;
  bool enabled = true;
  std::optional<Seconds> not_before;
  std::optional<Seconds> expires;
  Seconds created = 0;
  Seconds updated = 0;
  boost::json::object tags;
};

// One of the two times is an ISO 8601 duration, and the other is empty.
struct LifetimeAction {
  bool rotates = false;  // otherwise it notifies
  std::string after_create;
  std::string before_expiry;
};

struct RotationPolicy {
  std::vector<LifetimeAction> actions;
  std::string expiry_time;  // of versions that rotation makes; empty: they do not expire
  Seconds created = 0;
  Seconds updated = 0;
};

struct Key {
  std::string name;                  // as it was first written
  std::vector<KeyVersion> versions;  // oldest first, never empty
  std::optional<RotationPolicy> rotation = {};
  Seconds recovered = 0;  // when it last came back from deletion; 0: never
};

struct DeletedKey {
  Key key;
  Seconds deleted = 0;
  Seconds purge_at = 0;
};

struct NetworkRules {
  bool public_access = true;
  bool stated = false;  // a request has given "networkAcls"; a response shows it only then
  bool deny = false;
  std::string bypass = "AzureServices";
  std::vector<std::string> ip_rules;
  boost::json::array virtual_network_rules;

  bool operator==(const NetworkRules&) const = default;
};

struct FormerRules {
  NetworkRules rules;
  Seconds until = 0;
};

struct AccessPolicy {
  std::string object_id;
  std::vector<std::string> keys;  // lower case
  boost::json::object shown;      // as it was sent
};

// A vault, or the pool of a managed HSM. HSMs have names of their own: a vault may have the same name.
struct VaultName {
  std::string name;
  bool managed_hsm = false;
};

struct Vault {
  std::string name;
  bool managed_hsm = false;
  std::string subscription_id;
  std::string resource_group;
  std::string location;
  std::string tenant_id;
  std::string sku = "standard";
  bool rbac = true;
  bool purge_protection = false;
  int retention_days = 90;
  bool for_deployment = false;
  bool for_disk_encryption = false;
  bool for_template_deployment = false;
  NetworkRules network;
  std::vector<FormerRules> former_network;  // before the last changes, oldest first
  std::vector<AccessPolicy> access_policies;
  boost::json::object tags;
  std::string created_by;
  Seconds created = 0;
  Seconds updated = 0;
  std::uint16_t direct_port = 0;    // 0: not given yet
  std::map<std::string, Key> keys;  // by lower-case name
  std::map<std::string, DeletedKey> deleted_keys;
  std::map<std::string, DiagnosticSetting> diagnostics;  // by lower-case name
  std::vector<std::string> initial_administrators;       // of a managed HSM: object ids
  // A managed HSM's own role assignments, by lower-case scope and name ("/keys/k|guid").
  std::map<std::string, RoleAssignment> local_assignments;
};

struct DeletedVault {
  Vault vault;
  Seconds deleted = 0;
  Seconds purge_at = 0;
};

struct SigningKey {
  std::string kid;
  std::string private_pem;
  std::optional<crypto::RsaKey> key;
};

struct TlsMaterial {
  std::string ca_key_pem;
  std::string ca_certificate_pem;
  std::string key_pem;
  std::string certificate_pem;
};

// What seeding has made, so that it makes it only once and can report it again.
struct SeedRecord {
  std::string customer_tenant_id;
  std::string platform_tenant_id;
  std::string subscription_id;
  std::string resource_group;
  std::string admin_app_id;
  std::string admin_secret;
  std::string platform_app_id;
  std::string vault_name;
  std::string key_name;
  bool guide_done = false;
};

struct Model {
  TlsMaterial tls;
  SigningKey token_key;
  SigningKey workload_key;                                     // of the emulator's own outside issuer
  std::map<std::string, Tenant> tenants;                       // by id
  std::map<std::string, Application> applications;             // by app id
  std::map<std::string, ServicePrincipal> service_principals;  // by object id
  std::map<std::string, TrustedIssuer> issuers;                // by issuer
  std::map<std::string, Subscription> subscriptions;           // by id
  std::map<std::string, ResourceGroup> resource_groups;        // by "subscription/lower-case name"
  std::map<std::string, RoleAssignment> role_assignments;      // by lower-case resource id
  std::map<std::string, CustomRole> custom_roles;              // by lower-case id
  std::map<std::string, Vault> vaults;                         // by lower-case name
  std::map<std::string, DeletedVault> deleted_vaults;          // by lower-case name
  std::map<std::string, Vault> managed_hsms;                   // by lower-case name
  std::map<std::string, DeletedVault> deleted_managed_hsms;    // by lower-case name
  std::vector<RoleAssignment> removed_assignments;             // removed lately; they hold until the removal does
  std::map<std::string, ConditionalAccessPolicy> conditional_access;  // by id
  Bytes backup_key;                                                   // seals backups of keys; empty before the first
  std::optional<SeedRecord> seed;
  Seconds clock_distance = 0;  // how far the emulator's clock was moved
};

// Null where there is none.
[[nodiscard]] const Vault* find_vault(const Model& model, std::string_view name);
[[nodiscard]] Vault* find_vault(Model& model, std::string_view name);
[[nodiscard]] const Vault* find_vault(const Model& model, const VaultName& name);
[[nodiscard]] Vault* find_vault(Model& model, const VaultName& name);
[[nodiscard]] VaultName name_of(const Vault& vault);
// "v.vault.azure.net", "h.managedhsm.azure.net".
[[nodiscard]] std::string public_host(const Vault& vault);
[[nodiscard]] const ServicePrincipal* find_service_principal(const Model& model, std::string_view tenant_id,
                                                             std::string_view app_id);
[[nodiscard]] const ResourceGroup* find_resource_group(const Model& model, std::string_view subscription_id,
                                                       std::string_view name);

// "/subscriptions/{s}/resourceGroups/{rg}/providers/Microsoft.KeyVault/vaults/{v}".
[[nodiscard]] std::string vault_resource_id(const Vault& vault);
// "/subscriptions/{s}/resourceGroups/{rg}/providers/Microsoft.KeyVault/managedHSMs/{h}".
[[nodiscard]] std::string hsm_resource_id(const Vault& hsm);
// Where an assignment is kept in the model: its resource id in lower case.
[[nodiscard]] std::string role_assignment_key(std::string_view scope, std::string_view name);
// True where a diagnostic setting sends AuditEvent somewhere.
[[nodiscard]] bool is_audited(const Vault& vault);

}  // namespace latchkey::clouds::azure::emulator
