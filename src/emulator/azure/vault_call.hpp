// One call of a vault's keys API that has passed firewall, token and permission, and the handlers that do its work.
#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "emulator/azure/cloud.hpp"
#include "emulator/azure/vault_route.hpp"

namespace latchkey::emulator::azure {

struct VaultCall {
  Cloud& cloud;
  const http::Request& request;
  Snapshot model;
  const Vault& vault;     // of the snapshot
  std::string authority;  // as the client wrote it: "v.vault.azure.net", "127.0.0.1:8603"
  VaultRoute route;
  Seconds now = 0;
  std::string audit_id = {};  // the key that the audit log names; handlers make it more exact
};

// Each answers 200 with the object (204 where it is empty) or refuses.
[[nodiscard]] Outcome<boost::json::object> create_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> get_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> update_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> rotate_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_keys(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_versions(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> list_deleted_keys(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> delete_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> get_deleted_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> recover_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> purge_key(VaultCall& call);
[[nodiscard]] Outcome<boost::json::object> use_key(VaultCall& call);

[[nodiscard]] Refusal bad_parameter(std::string message);
[[nodiscard]] Refusal invalid_value();
[[nodiscard]] Refusal key_not_found(const VaultRoute& route);
[[nodiscard]] Outcome<boost::json::object> read_body(const http::Request& request);
// The request's vault in a model that is being changed; KeyNotFound's kin where it is gone by now.
[[nodiscard]] Outcome<Vault*> vault_to_change(Model& model, const VaultCall& call);

struct FoundKey {
  const Key* key = nullptr;
  const KeyVersion* version = nullptr;  // the one asked for, or the newest
};
[[nodiscard]] Outcome<FoundKey> find_key(const Vault& vault, const VaultRoute& route);
// Null where it was never deleted, or is purged by now.
[[nodiscard]] const DeletedKey* find_deleted_key(const Vault& vault, const std::string& name, Seconds now);

[[nodiscard]] std::string key_id(const VaultCall& call, const std::string& name, const std::string& version = {});
[[nodiscard]] boost::json::object key_bundle(const VaultCall& call, const Vault& vault, const Key& key,
                                             const KeyVersion& version);
[[nodiscard]] boost::json::object key_item(const VaultCall& call, const Vault& vault, const Key& key,
                                           const KeyVersion& version, bool with_version);
// Adds recoveryId, deletedDate and scheduledPurgeDate.
void add_deletion(const VaultCall& call, const DeletedKey& deleted, boost::json::object& shown);

}  // namespace latchkey::emulator::azure
