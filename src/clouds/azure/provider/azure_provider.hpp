// Azure's door (kms/provider.hpp): what a registration of type "azure" is, and what we demand of its key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kms/provider.hpp"

namespace latchkey::clouds::azure {

// `keys` asks them (make_azure_key_provider); null where the server has no credential for Azure. Vaults must be under
// one of `vault_suffixes`.
[[nodiscard]] std::shared_ptr<kms::Provider> make_azure_provider(std::vector<std::string> vault_suffixes,
                                                                 std::shared_ptr<kms::KeyProvider> keys);

// What AzureKey::to_json gave once.
[[nodiscard]] Result<std::shared_ptr<const kms::Key>> read_stored_key(const boost::json::object& config);

}  // namespace latchkey::clouds::azure
