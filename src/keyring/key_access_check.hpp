// Whether the keyring may use a customer's key. The folders above decide: an admin may have suspended the key.
#pragma once

#include <functional>
#include <string_view>

#include "base/id.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

// The keyring calls it in a transaction just before it asks the key to wrap or unwrap. Its error takes the place of the
// key's response. Empty: the keyring may use every key.
using KeyAccessCheck =
    std::function<Result<void>(store::Transaction&, const Uuid& organization, std::string_view external_key_id)>;

}  // namespace latchkey::keyring
