// Checks the registered vault URI: https, no port, no user, no path or query, a host of one label under a suffix of the
// configured cloud. This check keeps a registrant from sending the server to a host of their choice.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace latchkey::clouds::azure {

// The suffixes of the public cloud: ".vault.azure.net", ".managedhsm.azure.net".
[[nodiscard]] const std::vector<std::string>& public_cloud_suffixes();

struct VaultUri {
  std::string host;      // "contoso.vault.azure.net", lower case
  std::string resource;  // "https://vault.azure.net": the token's audience
};

// Invalid, with a message that says what is wrong and shows a valid URI. A trailing slash is accepted.
[[nodiscard]] Result<VaultUri> parse_vault_uri(std::string_view text, std::span<const std::string> suffixes);

// 1 to 127 of [0-9A-Za-z-]; Invalid otherwise.
[[nodiscard]] Result<void> check_key_name(std::string_view name);
// A GUID, or a domain name; Invalid otherwise.
[[nodiscard]] Result<void> check_tenant_id(std::string_view tenant);

}  // namespace latchkey::clouds::azure
