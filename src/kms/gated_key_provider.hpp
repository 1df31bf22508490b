// A KeyProvider whose calls go through a gate (call_gate.hpp). Two of them before one provider, one for requests and
// one for background work, share the gate.
#pragma once

#include <memory>

#include "kms/call_gate.hpp"
#include "kms/key_provider.hpp"

namespace latchkey::kms {

class GatedKeyProvider final : public KeyProvider {
 public:
  // `inner` outlives it.
  GatedKeyProvider(KeyProvider& inner, std::shared_ptr<CallGate> gate, CallKind kind)
      : inner_(inner), gate_(std::move(gate)), kind_(kind) {}
  // Errors: those of KeyProvider; time that is spent waiting counts.
  Task<Result<WrappedKey>> wrap(const KeyLocation& key, const crypto::SecretBytes& secret, Deadline deadline) override;
  Task<Result<crypto::SecretBytes>> unwrap(const KeyLocation& key, const WrappedKey& wrapped,
                                           Deadline deadline) override;
  Task<Result<KeyDescription>> describe(const KeyLocation& key, Deadline deadline) override;

 private:
  [[nodiscard]] Task<Result<CallGate::Pass>> enter(const KeyLocation& key, Deadline deadline) const;
  KeyProvider& inner_;
  std::shared_ptr<CallGate> gate_;
  CallKind kind_;
};

}  // namespace latchkey::kms
