// Which key in which vault is meant, checked and resolved: what requests are built from and errors are told about.
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

// What the catalogue's sentences may say of a key, with its az commands; nothing of a server's answer is in it.
[[nodiscard]] AzureArguments arguments_of(const KeyTarget& target);
// The same from a registration, which was not checked and names no app.
[[nodiscard]] AzureArguments arguments_of(const AzureKeyConfig& key);

}  // namespace latchkey::clouds::azure
