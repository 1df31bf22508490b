// The file of the platform's own root keys (mode 0600): 32 random bytes each, the newest first. One where it was never
// replaced. The newest wraps and seals; the others unwrap and verify what is not yet under it.
//
// From each are derived, with HKDF-SHA-512 (RFC 5869), keys for one purpose alone: today the key that seals the rows of
// the store (store/row_seal.hpp). Wrapping uses the root key itself, as XAES-256-GCM derives a key for each nonce.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "crypto/secret.hpp"
#include "store/sealing.hpp"

namespace latchkey::kms {

struct RootKey {
  std::string version;  // "local:" and 16 hex digits; names the key without telling anything of it
  crypto::SecretBytes key;
};

// Newest first.
using RootKeys = std::vector<RootKey>;

// More than a file can have: so many are never in use at once.
inline constexpr std::size_t kMostRootKeys = 16;

enum class IfMissing {
  Make,    // the store is empty
  Refuse,  // the store was written under a root key that must be found
};

// Invalid where the file has another size than whole keys have or others may read it (the message gives the chmod), or
// where it is missing and must not be made (the message says what to restore); Unavailable where it cannot be read or
// written.
[[nodiscard]] Result<RootKeys> read_root_keys(const std::string& path, RandomSource& random, IfMissing missing);

// Puts a new key before those in the file, whole or not at all, and durably. Conflict where it has kMostRootKeys.
[[nodiscard]] Result<RootKeys> add_root_key(const std::string& path, RandomSource& random);
// Leaves the newest alone in the file. Nothing must be under the others any more: what is cannot be read again.
[[nodiscard]] Result<RootKeys> keep_newest_root_key(const std::string& path, RandomSource& random);

[[nodiscard]] RootKeys clone(const RootKeys& keys);

// Seals under what is derived from `keys`; where `path` is named, it is read again when a row names a key that is not
// among them.
[[nodiscard]] Result<std::shared_ptr<const store::RowSealer>> make_row_sealer(const RootKeys& keys,
                                                                              std::optional<std::string> path);

}  // namespace latchkey::kms
