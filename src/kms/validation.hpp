// Validation: does this key do what the guide demands, here and now? The one check behind POST .../validate and attach.
#pragma once

#include <optional>
#include <string>

#include "base/random.hpp"
#include "kms/providers.hpp"

namespace latchkey::kms {

// Whether the customer's key must bear the tag "<slug>-org-<organisation uuid>" = "true".
enum class OrganizationBinding { Off, Warn, Require };

struct ValidationSettings {
  OrganizationBinding binding = OrganizationBinding::Warn;
  std::string binding_tag;  // the whole tag name for this organisation
  unsigned minimum_rsa_bits = 3072;
};

// Checks in this order and returns the first failure, with its cure: the key can be described; its cloud finds it
// suitable (Provider::check_suitable) and bound to the organisation (check_bound); then it wraps 32 random bytes,
// unwraps them and compares. `provider` makes the calls to the key, `clouds` judges what it gives. With Warn, a missing
// tag is logged.
// DeadlineExceeded where the time ran out before a response; otherwise the errors of KeyProvider.
[[nodiscard]] Task<Result<void>> validate_key(KeyProvider& provider, const Providers& clouds, const KeyLocation& key,
                                              const ValidationSettings& settings, const Clock& clock,
                                              RandomSource& random, Deadline deadline);

// The last of these checks alone: wraps 32 random bytes, unwraps them and compares. Corrupt (round_trip_mismatch) where
// they come back as others; otherwise the errors of KeyProvider.
[[nodiscard]] Task<Result<void>> check_round_trip(KeyProvider& provider, const KeyLocation& key, RandomSource& random,
                                                  Deadline deadline);

}  // namespace latchkey::kms
