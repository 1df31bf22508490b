// The file of the platform's own root keys (mode 0600): 32 random bytes each, the newest first. One where it was never
// replaced. The newest wraps and seals; the others unwrap and verify what is not yet under it.
//
// From each are derived, with HKDF-SHA-512 (RFC 5869), keys for one purpose alone: today the key that seals the rows of
// the store (store/row_seal.hpp). Wrapping uses the root key itself, as XAES-256-GCM derives a key for each nonce.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
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

// Notices that the file was replaced. Not thread-safe.
class RootKeyFile {
 public:
  // From now on.
  explicit RootKeyFile(std::string path) : path_(std::move(path)), seen_(look()) {}
  // The keys where the file was replaced since the last call; absent where it was not, or cannot be read (which is
  // logged: the keys that are known serve on).
  [[nodiscard]] std::optional<RootKeys> read_if_replaced();

 private:
  struct Look {
    ino_t inode = 0;
    std::int64_t changed_at = 0;  // nanoseconds
    off_t size = 0;
    friend bool operator==(const Look&, const Look&) = default;
  };
  [[nodiscard]] Look look() const;

  std::string path_;
  Look seen_;
};

// Seals under what is derived from `keys`, which were read from `path`; goes on with the newest once it is replaced.
[[nodiscard]] Result<std::shared_ptr<const store::RowSealer>> make_row_sealer(const RootKeys& keys,
                                                                              const std::string& path);

}  // namespace latchkey::kms
