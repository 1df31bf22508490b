// Protects signing secrets at rest. The platform's root key wraps each secret together with the id of its endpoint, so
// that a secret that was copied to another endpoint's row does not open.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/task.hpp"
#include "crypto/secret.hpp"
#include "kms/key_provider.hpp"
#include "store/rows.hpp"

namespace latchkey::webhooks {

struct NewSecret {
  crypto::SecretBytes secret;
  store::WrappedSecret wrapped;
};

class SecretKeeper {
 public:
  // `provider` serves kms::LocalKey. All references outlive the keeper.
  SecretKeeper(kms::KeyProvider& provider, const Clock& clock, RandomSource& random)
      : provider_(provider), clock_(clock), random_(random) {}

  // Makes a new random secret. Errors: the provider's.
  [[nodiscard]] Task<Result<NewSecret>> make(std::string endpoint_id);
  // Corrupt where the wrapped secret is damaged or belongs to another endpoint; else the provider's errors.
  [[nodiscard]] Task<Result<crypto::SecretBytes>> open(std::string endpoint_id, store::WrappedSecret wrapped);

 private:
  kms::KeyProvider& provider_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::webhooks
