// Makes versions of keys, for create, import, rotate and for policies that have become due.
#pragma once

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/vault/key_body.hpp"
#include "clouds/azure/emulator/vault/vault_call.hpp"

namespace latchkey::clouds::azure::emulator {

// Slow, because it makes keys.
[[nodiscard]] Outcome<SharedMaterial> make_material(const Cloud& cloud, const KeyPlan& plan);
// Makes a version that has a fresh id and nothing else.
[[nodiscard]] KeyVersion new_version(const Cloud& cloud, Seconds now);
// The version that a rotation adds after `last`, without its material.
[[nodiscard]] KeyVersion successor_of(const Cloud& cloud, const Key& key, Seconds now);
// Conflict where a deleted key has the name, or a key that is being deleted or recovered.
[[nodiscard]] Outcome<void> check_name_is_free(const Vault& vault, const VaultCall& call, const std::string& name);
// Appends the version to its key, or makes the key; returns the bundle.
[[nodiscard]] Outcome<boost::json::object> add_version(VaultCall& call, KeyVersion version);
// Counts a call that makes a key; Throttled where it is one too many.
[[nodiscard]] Outcome<void> charge_creation(const VaultCall& call, bool hsm);
// The same for any other operation, by the kind of its key.
[[nodiscard]] Outcome<void> charge_operation(const VaultCall& call);

}  // namespace latchkey::clouds::azure::emulator
