#include "kms/gated_key_provider.hpp"

namespace latchkey::kms {

// The platform's own key is in memory, and asked at once.
Task<Result<CallGate::Pass>> GatedKeyProvider::enter(const KeyLocation& key, Deadline deadline) const {
  const auto* azure = std::get_if<AzureKey>(&key);
  if (azure == nullptr) co_return CallGate::Pass();
  auto vault = azure->vault_uri;
  auto name = azure->key_name;
  co_return co_await gate_->enter(std::move(vault), std::move(name), kind_, deadline);
}

Task<Result<WrappedKey>> GatedKeyProvider::wrap(const KeyLocation& key, const crypto::SecretBytes& secret,
                                                Deadline deadline) {
  LATCHKEY_CO_TRY(auto pass, co_await enter(key, deadline));
  co_return co_await inner_.wrap(key, secret, deadline);
}

Task<Result<crypto::SecretBytes>> GatedKeyProvider::unwrap(const KeyLocation& key, const WrappedKey& wrapped,
                                                           Deadline deadline) {
  LATCHKEY_CO_TRY(auto pass, co_await enter(key, deadline));
  co_return co_await inner_.unwrap(key, wrapped, deadline);
}

Task<Result<KeyDescription>> GatedKeyProvider::describe(const KeyLocation& key, Deadline deadline) {
  LATCHKEY_CO_TRY(auto pass, co_await enter(key, deadline));
  co_return co_await inner_.describe(key, deadline);
}

}  // namespace latchkey::kms
