// What Key Vault says when it wants a token: which tenant governs the vault and for which resource the token must be.
// It is compared with what was registered, and never followed: no token goes where a challenge points.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "clouds/azure/provider/key_target.hpp"

namespace latchkey::clouds::azure {

struct Challenge {
  std::string tenant;    // the first segment of the path of "authorization" (or "authorization_uri")
  std::string resource;  // "resource", or "scope" without "/.default"
  std::string error;     // "insufficient_claims" and the like
};

// Reads a WWW-Authenticate value with the scheme Bearer. Absent where it is none or cannot be read.
[[nodiscard]] std::optional<Challenge> parse_challenge(std::string_view www_authenticate);

// KeyDenied with tenant_mismatch where the vault is governed by another tenant than the one registered, with
// access_denied where it wants a token for a resource of another cloud; success where nothing speaks against it (a
// tenant registered by its domain name cannot be compared).
[[nodiscard]] Result<void> check_challenge(const Challenge& challenge, const KeyTarget& target);

}  // namespace latchkey::clouds::azure
