// Leave to ask a customer's key in its vault, which the floors above give or refuse: an admin may have suspended it.
#pragma once

#include <functional>
#include <string_view>

#include "base/id.hpp"
#include "base/result.hpp"
#include "store/store.hpp"

namespace latchkey::keyring {

// Called in a transaction just before the key is asked; the error is the answer instead. Empty: every key may be asked.
using KeyAccessCheck =
    std::function<Result<void>(store::Transaction&, const Uuid& organization, std::string_view external_key_id)>;

}  // namespace latchkey::keyring
