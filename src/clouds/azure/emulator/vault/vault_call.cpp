#include "clouds/azure/emulator/vault/vault_call.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

json::object attributes_of(const VaultCall& call, const Vault& vault, const KeyVersion& version) {
  json::object attributes{{"enabled", version.enabled}};
  if (version.not_before) attributes["nbf"] = *version.not_before;
  if (version.expires) attributes["exp"] = *version.expires;
  attributes["created"] = version.created;
  attributes["updated"] = version.updated;
  attributes["recoveryLevel"] = recovery_level(vault);
  attributes["recoverableDays"] = vault.retention_days;
  if (speaks(call.api_version, ApiFeature::Rotation)) attributes["exportable"] = false;
  if (!vault.managed_hsm && speaks(call.api_version, ApiFeature::HsmPlatform)) {
    attributes["hsmPlatform"] = version.hsm ? "2" : "0";
  }
  return attributes;
}

}  // namespace

Refusal key_not_found(const VaultRoute& route) {
  auto id = route.version.empty() ? route.key : route.key + "/" + json_fields::clean_text(route.version);
  return {
      404, "KeyNotFound",
      fmt::format("A key with (name/id) {} was not found in this key vault. If you recently deleted this key you may "
                  "be able to recover it using the correct recovery command. For help resolving this issue, please "
                  "see https://go.microsoft.com/fwlink/?linkid=2125182",
                  id)};
}

Outcome<json::object> read_body(const http::Request& request) {
  auto body = json_fields::parse_object(request.body);
  if (!body) return bad_parameter("Bad JSON content found in the request.");
  return std::move(body.value());
}

Outcome<Vault*> vault_to_change(Model& model, const VaultCall& call) {
  auto* vault = find_vault(model, name_of(call.vault));
  if (vault == nullptr) return key_not_found(call.route);
  return vault;
}

Outcome<FoundKey> find_key(const VaultCall& call, const Vault& vault) {
  const auto& route = call.route;
  auto found = vault.keys.find(lower(route.key));
  if (found == vault.keys.end() || is_coming_back(found->second, call)) return key_not_found(route);
  const auto& key = found->second;
  if (route.version.empty()) return FoundKey{&key, &key.versions.back()};
  auto version = std::find_if(key.versions.begin(), key.versions.end(),
                              [&](const KeyVersion& candidate) { return candidate.id == route.version; });
  if (version == key.versions.end()) return key_not_found(route);
  return FoundKey{&key, &*version};
}

const DeletedKey* find_deleted_key(const Vault& vault, const VaultCall& call) {
  auto found = vault.deleted_keys.find(lower(call.route.key));
  if (found == vault.deleted_keys.end() || found->second.purge_at <= call.now) return nullptr;
  return is_on_its_way(found->second, call) ? nullptr : &found->second;
}

bool is_on_its_way(const DeletedKey& deleted, const VaultCall& call) {
  return deleted.deleted + call.cloud.rules.deletion_delay.count() > call.now;
}

bool is_coming_back(const Key& key, const VaultCall& call) {
  return key.recovered != 0 && key.recovered + call.cloud.rules.deletion_delay.count() > call.now;
}

std::string key_id(const VaultCall& call, const std::string& name, const std::string& version) {
  auto id = fmt::format("https://{}/keys/{}", call.authority, name);
  return version.empty() ? id : id + "/" + version;
}

json::object key_bundle(const VaultCall& call, const Vault& vault, const Key& key, const KeyVersion& version) {
  const auto& material = *version.material;
  json::object jwk{{"kid", key_id(call, key.name, version.id)}};
  std::string type = material.rsa ? "RSA" : "EC";
  jwk["kty"] = version.hsm ? type + "-HSM" : type;
  jwk["key_ops"] = json::array(version.operations.begin(), version.operations.end());
  if (material.rsa) {
    jwk["n"] = base64url_encode(material.rsa->modulus());
    jwk["e"] = base64url_encode(material.rsa->exponent());
  } else {
    jwk["crv"] = material.ec->curve();
    jwk["x"] = base64url_encode(material.ec->x());
    jwk["y"] = base64url_encode(material.ec->y());
  }
  return {{"key", std::move(jwk)}, {"attributes", attributes_of(call, vault, version)}, {"tags", version.tags}};
}

json::object key_item(const VaultCall& call, const Vault& vault, const Key& key, const KeyVersion& version,
                      bool with_version) {
  return {{"kid", key_id(call, key.name, with_version ? version.id : std::string())},
          {"attributes", attributes_of(call, vault, version)},
          {"tags", version.tags}};
}

void add_deletion(const VaultCall& call, const DeletedKey& deleted, json::object& shown) {
  shown["recoveryId"] = fmt::format("https://{}/deletedkeys/{}", call.authority, deleted.key.name);
  shown["deletedDate"] = deleted.deleted;
  shown["scheduledPurgeDate"] = deleted.purge_at;
}

}  // namespace latchkey::clouds::azure::emulator
