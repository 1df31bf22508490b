// The platform's own root key: a file of 32 random bytes made at first start (mode 0600, durable before it is used),
// for workspaces without a customer's key. Wrapping is XAES-256-GCM with key commitment.
#pragma once

#include <memory>
#include <string>

#include "base/random.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::kms {

// Reads the file, or makes it where it is not there. Invalid where it has another size or others may read it (the
// message gives the chmod); Unavailable where it cannot be read or written.
[[nodiscard]] Result<std::shared_ptr<KeyProvider>> open_local_key_provider(const std::string& path,
                                                                           RandomSource& random);

}  // namespace latchkey::kms
