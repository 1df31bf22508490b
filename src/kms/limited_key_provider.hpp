// A KeyProvider whose calls go through a limiter (call_gate.hpp). One for each kind of call, before one provider, share
// the limiter.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "kms/key_provider.hpp"
#include "kms/vault_limiter.hpp"

namespace latchkey::kms {

class LimitedKeyProvider final : public KeyProvider {
 public:
  // `inner` outlives it. `call_timeout`: for each call, from its turn on.
  LimitedKeyProvider(KeyProvider& inner, std::shared_ptr<VaultLimiter> limiter, CallKind kind,
                     std::chrono::milliseconds call_timeout)
      : inner_(inner), limiter_(std::move(limiter)), kind_(kind), call_timeout_(call_timeout) {}
  // Errors: those of KeyProvider. Time that is spent waiting counts towards the deadline. Where a key cannot be
  // reached, those who wait for their turn at the same external key are told so, too: each would learn the same, one
  // after the other. Another organisation's may be reached all the same.
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const Binding& binding, const crypto::SecretBytes& secret,
                                Deadline deadline) override;
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                    Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  template <class T>
  [[nodiscard]] Task<Result<T>> call(KeyLocation key, Deadline deadline, std::function<Task<Result<T>>(Deadline)> work);
  KeyProvider& inner_;
  std::shared_ptr<VaultLimiter> limiter_;
  CallKind kind_;
  std::chrono::milliseconds call_timeout_;
};

}  // namespace latchkey::kms
