// Rotates what stands under the platform's root key after the root key was replaced: the newest root key wraps every
// data key and webhook secret that an older one wrapped, and seals every row that an older one sealed. Servers may run
// meanwhile.
#pragma once

#include <functional>

#include "kms/key_provider.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct RootKeyRotationCounts {
  std::int64_t data_keys = 0;
  std::int64_t webhook_secrets = 0;
  std::int64_t rows = 0;
  // Rows still under an older root key, because they do not verify and nothing in them can be trusted. The older keys
  // must stay.
  std::int64_t left = 0;
};

class RootKeyRotation {
 public:
  // `provider` serves kms::LocalKey, and wraps with the newest root key. All references outlive the object.
  RootKeyRotation(store::Store& store, kms::KeyProvider& provider, const Clock& clock)
      : store_(store), provider_(provider), clock_(clock) {}

  // Runs until only rows that do not verify are left. It calls `tell` with the counts as they rise. Errors: the store's
  // and the provider's; what was done stays, and running it again continues.
  [[nodiscard]] Task<Result<RootKeyRotationCounts>> run(std::function<void(const RootKeyRotationCounts&)> tell);
  // Counts what stands under an older root key than the newest. It changes nothing but seals that are not yet under the
  // newest.
  [[nodiscard]] Task<Result<RootKeyRotationCounts>> look();

 private:
  [[nodiscard]] Task<Result<void>> rewrap_data_keys();
  [[nodiscard]] Task<Result<void>> rewrap_data_key(store::DataKey row);
  [[nodiscard]] Task<Result<void>> rewrap_webhook_secrets();
  [[nodiscard]] Task<Result<void>> rewrap_webhook_secret(store::WebhookEndpoint row);
  [[nodiscard]] Task<Result<void>> rewrap(store::WrappedSecret& secret);
  // Takes one pass, and returns how many rows were sealed anew.
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
