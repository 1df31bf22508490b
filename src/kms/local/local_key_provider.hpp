// The platform's own root key as a provider, for workspaces without a customer's key. It wraps with XAES-256-GCM and
// key commitment, under the newest key of the root key file, and unwraps with the key that wrapped.
#pragma once

#include <memory>
#include <string>

#include "base/random.hpp"
#include "kms/key_provider.hpp"
#include "kms/local/root_key_file.hpp"

namespace latchkey::kms {

// `keys` are those read from `path`. Once the file is replaced, the provider goes on with the newest key in it.
// `random` outlives it.
[[nodiscard]] Result<std::shared_ptr<KeyProvider>> make_local_key_provider(RootKeys keys, std::string path,
                                                                           RandomSource& random);

// Reads the file, or makes it where it does not exist. Errors: those of read_root_keys.
[[nodiscard]] Result<std::shared_ptr<KeyProvider>> open_local_key_provider(const std::string& path,
                                                                           RandomSource& random);

}  // namespace latchkey::kms
