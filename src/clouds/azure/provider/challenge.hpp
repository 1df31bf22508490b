// Key Vault's challenge for a token: it says which tenant governs the vault and for which resource the token must be.
// We compare it with the registration and never follow it: no token goes where a challenge points.
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

// Reads a WWW-Authenticate value with the scheme Bearer. Absent where the scheme is another or the value cannot be
// read.
[[nodiscard]] std::optional<Challenge> parse_challenge(std::string_view www_authenticate);

// KeyDenied with reason tenant_mismatch where another tenant than the registered one governs the vault, with reason
// access_denied where the vault wants a token for a resource of another cloud. Otherwise success: a tenant that is
// registered by its domain name cannot be compared.
[[nodiscard]] Result<void> check_challenge(const Challenge& challenge, const KeyTarget& target);

}  // namespace latchkey::clouds::azure
