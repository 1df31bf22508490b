// The platform's own root key as a provider, for workspaces without a customer's key. Wrapping is XAES-256-GCM with key
// commitment, under the newest key of the root key file; what an older one wrapped is unwrapped by that.
#pragma once

#include <memory>
#include <string>

#include "base/random.hpp"
#include "kms/key_provider.hpp"
#include "kms/local/root_key_file.hpp"

namespace latchkey::kms {

// `keys` as read from `path`; goes on with the newest once the file is replaced. `random` outlives it.
[[nodiscard]] Result<std::shared_ptr<KeyProvider>> make_local_key_provider(RootKeys keys, std::string path,
                                                                           RandomSource& random);

// Reads the file, or makes it where it is not there. Errors: read_root_keys'.
[[nodiscard]] Result<std::shared_ptr<KeyProvider>> open_local_key_provider(const std::string& path,
                                                                           RandomSource& random);

}  // namespace latchkey::kms
