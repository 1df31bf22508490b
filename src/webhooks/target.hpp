// Where events may be sent: what an admin of one organisation types must not reach into the platform's own networks.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::webhooks {

struct TargetRules {
  // http, loopback and private addresses too: for development.
  bool allow_private = false;
};

// Invalid, with the cure, where it is no https URL, names a user or a fragment, or an address that is not public. Names
// are looked up when something is sent, and their addresses checked then (http::AddressPolicy::PublicOnly).
[[nodiscard]] Result<void> check_target(const std::string& url, const TargetRules& rules);

}  // namespace latchkey::webhooks
