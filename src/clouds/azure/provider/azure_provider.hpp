// Azure's kms::Provider: it reads registrations of type "azure", and says what we demand of their keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kms/provider.hpp"

namespace latchkey::clouds::azure {

// `keys` makes the calls to keys (make_azure_key_provider); null where the server has no credential for Azure. A
// vault's host must end with one of `vault_suffixes`.
[[nodiscard]] std::shared_ptr<kms::Provider> make_azure_provider(std::vector<std::string> vault_suffixes,
                                                                 std::shared_ptr<kms::KeyProvider> keys);

// Reads what AzureKey::to_json returned once.
[[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored_key(const boost::json::object& config);

}  // namespace latchkey::clouds::azure
