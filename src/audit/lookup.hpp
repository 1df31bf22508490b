// Finds rows inside a transaction, with the errors that the API shows. A row that does not exist and a row of another
// organisation give the same error.
#pragma once

#include <span>

#include "store/store.hpp"

namespace latchkey::audit {

// NotFound where the organisation has no such row.
[[nodiscard]] Result<store::ExternalKey> require_external_key(store::Transaction& transaction, const Uuid& organization,
                                                              std::string_view id);
[[nodiscard]] Result<store::Workspace> require_workspace(store::Transaction& transaction, const Uuid& organization,
                                                         std::string_view id);

// Invalid where workspaces refer to the key; the message names at most 5 of them. `attempt` says what the caller wanted
// to do: "deleted", "reconfigured".
[[nodiscard]] Result<void> refuse_if_used(store::Transaction& transaction, const store::ExternalKey& key,
                                          std::string_view attempt);

// Invalid where an organisation that has `have` of something may not have one more; `cure` says what to do then.
[[nodiscard]] Result<void> refuse_over_quota(std::size_t have, std::size_t most, std::string_view what,
                                             std::string_view cure);

}  // namespace latchkey::audit
