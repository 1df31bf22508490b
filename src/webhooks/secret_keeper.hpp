// Signing secrets at rest: wrapped by the platform's own root key, each together with the id of its endpoint, so that
// one that was copied to another endpoint's row does not open.
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
  // `provider` serves kms::LocalKey. All outlive it.
  SecretKeeper(kms::KeyProvider& provider, const Clock& clock, RandomSource& random)
      : provider_(provider), clock_(clock), random_(random) {}

  // A new random one. Errors: the provider's.
  [[nodiscard]] Task<Result<NewSecret>> make(std::string endpoint_id);
  // Corrupt where it is damaged or of another endpoint; else the provider's errors.
  [[nodiscard]] Task<Result<crypto::SecretBytes>> open(std::string endpoint_id, store::WrappedSecret wrapped);

 private:
  kms::KeyProvider& provider_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace latchkey::webhooks
