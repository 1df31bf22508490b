#include "kms/key_provider.hpp"

#include <boost/algorithm/string/case_conv.hpp>

namespace latchkey::kms {

std::string vault_host(const AzureKey& key) {
  constexpr std::string_view kScheme = "https://";
  auto host = boost::algorithm::to_lower_copy(key.vault_uri);
  if (host.starts_with(kScheme)) host.erase(0, kScheme.size());
  while (host.ends_with('/')) host.pop_back();
  return host;
}

KeyProviders::KeyProviders(std::shared_ptr<KeyProvider> local, std::shared_ptr<KeyProvider> azure)
    : local_(std::move(local)), azure_(std::move(azure)) {}

Result<KeyProvider*> KeyProviders::provider_for(const KeyLocation& key) const {
  if (std::holds_alternative<LocalKey>(key)) {
    if (local_) return local_.get();
    return Error{ErrorCode::Invalid, "this server has no root key of its own: set root_key_file"};
  }
  if (azure_) return azure_.get();
  return Error{ErrorCode::Invalid,
               "this server is not set up for Azure Key Vault: its operator must set azure.client_id and a credential"};
}

Task<Result<WrappedKey>> KeyProviders::wrap(const KeyLocation& key, const crypto::SecretBytes& secret,
                                            Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_for(key));
  co_return co_await provider->wrap(key, secret, deadline);
}

Task<Result<UnwrappedKey>> KeyProviders::unwrap(const KeyLocation& key, const WrappedKey& wrapped, Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_for(key));
  co_return co_await provider->unwrap(key, wrapped, deadline);
}

Task<Result<KeyDescription>> KeyProviders::describe(const KeyLocation& key, Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_for(key));
  co_return co_await provider->describe(key, deadline);
}

}  // namespace latchkey::kms
