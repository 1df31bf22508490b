// The caller of a request, as far as the rules and the activity feed need to know it.
#pragma once

#include <optional>
#include <string>

#include "base/id.hpp"
#include "base/result.hpp"
#include "crypto/hash.hpp"
#include "store/store.hpp"

namespace latchkey::audit {

struct Caller {
  std::string api_key_id;  // apikey_...
  Uuid organization;
  store::Role role = store::Role::Admin;
  std::optional<std::string> workspace_id;  // for Role::Workspace
  std::string ip_address;
  std::string user_agent;
  std::optional<crypto::Sha256> api_key_hash =
      std::nullopt;              // finds the API key again; absent for a caller without one
  std::uint64_t keys_as_of = 0;  // Credentials::may_have_ended reads it
};

// The error for an API key that is not valid.
[[nodiscard]] Error unknown_api_key();

// Returns that error where the caller's API key was revoked since it was authenticated. A caller without an API key is
// the program itself.
[[nodiscard]] Result<void> confirm_caller(store::Transaction& transaction, const Caller& caller);

}  // namespace latchkey::audit
