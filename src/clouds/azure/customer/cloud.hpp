// Azure's clouds and their public names. The emulator of `latchkey dev` has the public cloud's names: clients reach it
// through a proxy, not under other names.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace latchkey::clouds::azure::customer {

struct Cloud {
  std::string name;            // as `az cloud set --name` takes it
  std::string login_host;      // "login.microsoftonline.com"
  std::string arm;             // "https://management.azure.com", without a slash at the end
  std::string graph;           // "https://graph.microsoft.com"
  std::string vault_suffix;    // ".vault.azure.net"
  std::string vault_resource;  // "https://vault.azure.net"
};

[[nodiscard]] const Cloud& public_cloud();

// The cloud with that sign-in host, as AZURE_AUTHORITY_HOST names it ("https://login.microsoftonline.us/" or the host
// alone); an empty text means the public cloud. Invalid for another host: the environment must not choose where
// credentials are sent.
[[nodiscard]] Result<Cloud> cloud_of_authority(std::string_view authority);

// The vault's name from "contoso" or "https://contoso.vault.azure.net/". Invalid where it is neither, or a managed
// HSM's.
[[nodiscard]] Result<std::string> read_vault_name(std::string_view text, const Cloud& cloud);

}  // namespace latchkey::clouds::azure::customer
