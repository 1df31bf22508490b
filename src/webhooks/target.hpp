// Where events may be sent: a URL that one organisation's admin enters must not reach into the platform's own networks.
#pragma once

#include <string>

#include "base/result.hpp"

namespace latchkey::webhooks {

struct TargetRules {
  // Allows http, and loopback and private addresses, too: for development.
  bool allow_private = false;
};

// Invalid, with the cure, where the URL is not https, has a user or a fragment, or names an address that is not public.
// The server looks host names up when it sends, and checks their addresses then (http::AddressPolicy::PublicOnly).
[[nodiscard]] Result<void> check_target(const std::string& url, const TargetRules& rules);

}  // namespace latchkey::webhooks
