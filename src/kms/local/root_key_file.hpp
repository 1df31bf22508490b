// The file of the platform's own root keys (mode 0600): 32 random bytes each, the newest first. There is one key until
// the operator rotates it. The newest wraps and seals; the others unwrap and verify what is not yet under the newest.
//
// The server derives from each root key, with HKDF-SHA-512 (RFC 5869), keys for one purpose each: today the key that
// seals the rows of the store (store/row_seal.hpp). Wrapping uses the root key itself, because XAES-256-GCM derives a
// key for each nonce.
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

// The most keys that a file may have; more are never in use at once.
inline constexpr std::size_t kMostRootKeys = 16;

enum class IfMissing {
  Make,    // the store is empty
  Refuse,  // the store was written under a root key that must be found
};

// Reads the keys in the file. Invalid where its size is not one of whole keys, where others may read it (the message
// has the chmod), or where it is missing and must not be made (the message says what to restore); Unavailable where it
// cannot be read or written.
[[nodiscard]] Result<RootKeys> read_root_keys(const std::string& path, RandomSource& random, IfMissing missing);

// Puts a new key before those in the file, whole or not at all, and durably. Conflict where it has kMostRootKeys.
[[nodiscard]] Result<RootKeys> add_root_key(const std::string& path, RandomSource& random);
// Leaves only the newest key in the file. Nothing may be under the others any more, because nobody could read it again.
[[nodiscard]] Result<RootKeys> keep_newest_root_key(const std::string& path, RandomSource& random);

// Notices that the file was replaced. Not thread-safe.
class RootKeyFile {
 public:
  // Notices replacements from now on.
  explicit RootKeyFile(std::string path) : path_(std::move(path)), seen_(look()) {}
  // Returns the keys where the file was replaced since the last call. Absent where it was not, or cannot be read; the
  // log then says so, and the caller goes on with the keys that it has.
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

// Seals under the keys derived from `keys`, which were read from `path`. Once the file is replaced, it goes on with the
// newest key in it.
[[nodiscard]] Result<std::shared_ptr<const store::RowSealer>> make_row_sealer(const RootKeys& keys,
                                                                              const std::string& path);

}  // namespace latchkey::kms
