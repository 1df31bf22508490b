// A KeyProvider whose calls go through a gate (call_gate.hpp). One for each kind of call, before one provider, share
// the gate.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "kms/call_gate.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::kms {

class GatedKeyProvider final : public KeyProvider {
 public:
  // `inner` outlives it. `call_timeout`: for each call, from its turn on.
  GatedKeyProvider(KeyProvider& inner, std::shared_ptr<CallGate> gate, CallKind kind,
                   std::chrono::milliseconds call_timeout)
      : inner_(inner), gate_(std::move(gate)), kind_(kind), call_timeout_(call_timeout) {}
  // Errors: those of KeyProvider. Time that is spent waiting counts towards the deadline. Where a key cannot be
  // reached, those who wait for their turn at the same external key are told so, too: each would learn the same, one
  // after the other. Another organisation's may be reached all the same.
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret, Deadline deadline) override;
  Task<Result<UnwrappedKey>> unwrap(const KeyLocation& key, const WrappedKey& wrapped, Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  template <class T>
  [[nodiscard]] Task<Result<T>> call(KeyLocation key, Deadline deadline, std::function<Task<Result<T>>(Deadline)> work);
  KeyProvider& inner_;
  std::shared_ptr<CallGate> gate_;
  CallKind kind_;
  std::chrono::milliseconds call_timeout_;
};

}  // namespace latchkey::kms
