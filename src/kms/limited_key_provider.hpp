// A KeyProvider whose calls go through a limiter (vault_limiter.hpp). There is one for each kind of call; all of them
// share one limiter and one provider behind it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "kms/key_provider.hpp"
#include "kms/vault_limiter.hpp"

namespace latchkey::kms {

class LimitedKeyProvider final : public KeyProvider {
 public:
  // `inner` outlives it. `call_timeout` bounds each call, counted from its turn.
  LimitedKeyProvider(KeyProvider& inner, std::shared_ptr<VaultLimiter> limiter, CallKind kind,
                     std::chrono::milliseconds call_timeout)
      : inner_(inner), limiter_(std::move(limiter)), kind_(kind), call_timeout_(call_timeout) {}
  // Errors: those of KeyProvider. The wait for a turn counts towards the deadline. Where a call cannot reach a key, the
  // calls of that organisation that wait for the same key fail with the same error, because each would find out the
  // same, one after the other. Calls of other organisations go on: their keys may be reached all the same.
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
