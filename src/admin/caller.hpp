// Who is asking, as far as the rules and the activity feed care.
#pragma once

#include <optional>
#include <string>

#include "base/id.hpp"
#include "crypto/hash.hpp"
#include "store/rows.hpp"

namespace latchkey::admin {

struct Caller {
  std::string api_key_id;  // apikey_...
  Uuid organization;
  store::Role role = store::Role::Admin;
  std::optional<std::string> workspace_id;  // for Role::Workspace
  std::string ip_address;
  std::string user_agent;
  std::optional<crypto::Sha256> api_key_hash = std::nullopt;  // by which it is found again; absent: no API key
  std::uint64_t keys_as_of = 0;                               // Credentials::may_have_ended reads it
};

}  // namespace latchkey::admin
