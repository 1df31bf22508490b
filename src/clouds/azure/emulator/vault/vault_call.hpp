// One call of a vault's keys API that has passed the checks of firewall, token and permission, and the handlers that do
// its work.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/cloud.hpp"
#include "clouds/azure/emulator/throttle.hpp"
#include "clouds/azure/emulator/vault/vault_route.hpp"

namespace latchkey::clouds::azure::emulator {

struct VaultCall {
  Cloud& cloud;
  const http::Request& request;
  Snapshot model;
  const Vault& vault;  // of the snapshot
  Throttle& throttle;
  std::string authority;  // as the client wrote it: "v.vault.azure.net", "127.0.0.1:8603"
  VaultRoute route;
  std::string api_version;
  Seconds now = 0;
  std::string audit_id = {};  // the key that the audit log names; a handler may add the version
};

// Each responds with 200 and the object (204 where it is empty), or refuses.
[[nodiscard]] Outcome<boost::json::object> create_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> get_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> update_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> import_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> rotate_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> get_rotation_policy(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> put_rotation_policy(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> backup_key_of(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> restore_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_keys(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_versions(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_deleted_keys(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> delete_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> get_deleted_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> recover_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> purge_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> use_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> random_bytes(VaultCall& call);

[[nodiscard]] Refusal key_not_found(const VaultRoute& route);
[[nodiscard]] Outcome<boost::json::object> read_body(const http::Request& request);
// The request's vault in a model that is being changed; a refusal where the vault was deleted meanwhile.
[[nodiscard]] Outcome<Vault*> vault_to_change(Model& model, const VaultCall& call);

struct FoundKey {
  const Key* key = nullptr;
  const KeyVersion* version = nullptr;  // the one asked for, or the newest
};
[[nodiscard]] Outcome<FoundKey> find_key(const VaultCall& call, const Vault& vault);
// Null where the key was never deleted, is purged, or is still being deleted or recovered.
[[nodiscard]] const DeletedKey* find_deleted_key(const Vault& vault, const VaultCall& call);
[[nodiscard]] bool is_on_its_way(const DeletedKey& deleted, const VaultCall& call);
// True while a recovered key cannot be seen yet.
[[nodiscard]] bool is_coming_back(const Key& key, const VaultCall& call);

[[nodiscard]] std::string key_id(const VaultCall& call, const std::string& name, const std::string& version = {});
[[nodiscard]] boost::json::object key_bundle(const VaultCall& call, const Vault& vault, const Key& key,
                                             const KeyVersion& version);
[[nodiscard]] boost::json::object key_item(const VaultCall& call, const Vault& vault, const Key& key,
                                           const KeyVersion& version, bool with_version);
// Adds recoveryId, deletedDate and scheduledPurgeDate.
void add_deletion(const VaultCall& call, const DeletedKey& deleted, boost::json::object& shown);

}  // namespace latchkey::clouds::azure::emulator
