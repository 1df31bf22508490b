// What replacing the platform's root key means for what is there: every data key and webhook secret that an older one
// wrapped is wrapped by the newest, and every row that an older one sealed is sealed by it. Servers may run meanwhile.
#pragma once

#include <functional>

#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct RootKeyRotationCounts {
  std::int64_t data_keys = 0;
  std::int64_t webhook_secrets = 0;
  std::int64_t rows = 0;
  // Still under an older root key: rows that do not verify, of which nothing is believed. The older keys must stay.
  std::int64_t left = 0;
};

class RootKeyRotation {
 public:
  // `provider` serves kms::LocalKey, and wraps with the newest. All outlive it.
  RootKeyRotation(store::Store& store, kms::KeyProvider& provider, const Clock& clock)
      : store_(store), provider_(provider), clock_(clock) {}

  // Until nothing is left but what does not verify. `tell` hears the counts as they rise. Errors: the store's and the
  // provider's; what was done stays, and running it again goes on.
  [[nodiscard]] Task<Result<RootKeyRotationCounts>> run(std::function<void(const RootKeyRotationCounts&)> tell);
  // How much is under an older root key than the newest; changes nothing but seals that are not yet under it.
  [[nodiscard]] Task<Result<RootKeyRotationCounts>> look();

 private:
  [[nodiscard]] Task<Result<void>> rewrap_data_keys();
  [[nodiscard]] Task<Result<void>> rewrap_data_key(store::DataKey row);
  [[nodiscard]] Task<Result<void>> rewrap_webhook_secrets();
  [[nodiscard]] Task<Result<void>> rewrap_webhook_secret(store::WebhookEndpoint row);
  [[nodiscard]] Task<Result<void>> rewrap(store::WrappedSecret& secret);
  // One pass; gives how many were sealed anew.
  [[nodiscard]] Task<Result<store::SealCounts>> reseal();
  [[nodiscard]] Task<Result<std::int64_t>> count_left();
  void tell() const;

  store::Store& store_;
  kms::KeyProvider& provider_;
  const Clock& clock_;
  std::function<void(const RootKeyRotationCounts&)> tell_;
  std::string version_;
  RootKeyRotationCounts counts_;
};

}  // namespace latchkey::admin
