// Making versions of keys: what create, import, rotate and the passing of time have in common.
#pragma once

#include <boost/json/object.hpp>

#include "clouds/azure/emulator/vault/key_body.hpp"
#include "clouds/azure/emulator/vault/vault_call.hpp"

namespace latchkey::clouds::azure::emulator {

// Slow: makes keys.
[[nodiscard]] Outcome<SharedMaterial> make_material(const Cloud& cloud, const KeyPlan& plan);
// With a fresh id and nothing else.
[[nodiscard]] KeyVersion new_version(const Cloud& cloud, Seconds now);
// What rotation makes of `last`; its material is not made yet.
[[nodiscard]] KeyVersion successor_of(const Cloud& cloud, const Key& key, Seconds now);
// Conflict where a deleted key has the name, or one that is on its way there or back.
[[nodiscard]] Outcome<void> check_name_is_free(const Vault& vault, const VaultCall& call, const std::string& name);
// Appends the version, or makes the key; the bundle.
[[nodiscard]] Outcome<boost::json::object> add_version(VaultCall& call, KeyVersion version);
// Counts the making of a key; Throttled where it is one too many.
[[nodiscard]] Outcome<void> charge_creation(const VaultCall& call, bool hsm);
// The same for any other operation, by the key that it is on.
[[nodiscard]] Outcome<void> charge_operation(const VaultCall& call);

}  // namespace latchkey::clouds::azure::emulator
