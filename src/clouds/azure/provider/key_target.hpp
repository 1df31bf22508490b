// The key and vault that are meant, checked and resolved. Requests and errors are made from it.
#pragma once

#include <string>

#include "clouds/azure/provider/azure_key.hpp"
#include "clouds/azure/provider/azure_reasons.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::clouds::azure {

struct KeyTarget {
  VaultUri vault;
  std::string key_name;
  std::string tenant_id;
  std::string client_id;  // the app that asks
  std::string api_version = "7.4";
  kms::AskedFor asked_for = {};
};

// The arguments for the catalogue's sentences about a key, with its az commands. None of them comes from a response.
[[nodiscard]] AzureArguments arguments_of(const KeyTarget& target);
// The same from a registration, which nobody has checked and which names no app.
[[nodiscard]] AzureArguments arguments_of(const AzureKeyConfig& key);

}  // namespace latchkey::clouds::azure
