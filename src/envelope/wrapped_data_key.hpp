// The payload that the customer's key wraps, 65 bytes:
//
//   01 ‖ data key (32) ‖ SHA-256("latchkey-dk-v1" ‖ organisation uuid (16) ‖ compartment id (16) ‖ data key id (16))
//
// RSA wrapping has no associated data; the hash binds the key to its place, so that an intruder who can write the
// database cannot swap wrapped keys between tenants. Pure functions; thread-safe.
#pragma once

#include "base/id.hpp"
#include "crypto/secret.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::envelope {

struct DataKeyBinding {
  Uuid organization;
  Uuid compartment;
  RawId data_key_id;
};

inline constexpr std::size_t kWrapPayloadSize = 1 + 32 + 32;

[[nodiscard]] crypto::SecretBytes make_wrap_payload(const DataKeyBinding& binding, const DataKey& key);

// Corrupt where the size, the version byte or the hash does not match: the wrapped key was made for another place, or
// somebody changed the store; the message names the data key. Compares in constant time.
[[nodiscard]] Result<DataKey> open_wrap_payload(const DataKeyBinding& binding, const crypto::SecretBytes& payload);

// Returns 16 bytes in hex that differ for every data key and reveal nothing of it. The store keeps them beside the
// wrapped key, because the payload does not authenticate the key itself: a key that came back with a bit flipped would
// encrypt data that nobody can read.
[[nodiscard]] std::string key_check(const DataKey& key);

}  // namespace latchkey::envelope
