// Validates a key, then attaches it. Validation asks the key outside any transaction, because that takes seconds; the
// transaction that attaches then checks that the key has not changed since.
#pragma once

#include <string>

#include "admin/external_keys.hpp"
#include "admin/settings.hpp"
#include "audit/caller.hpp"
#include "base/task.hpp"
#include "store/store.hpp"

namespace latchkey::admin {

struct KeyToValidate {
  store::ExternalKey row;
  std::optional<Error> suspended;
  bool attached_elsewhere = false;  // by another organisation; the key must then bear the tag, whatever the setting
};
// NotFound where the organisation has no such key.
[[nodiscard]] Result<KeyToValidate> find_to_validate(store::Transaction& transaction, const kms::Providers& clouds,
                                                     const Uuid& organization, std::string_view external_key_id);

// Checks everything that the guide demands of the key; it does not ask a suspended key. The outcome says what is wrong
// with the key. Unavailable where the store could not say whether the key may be asked, which says nothing about it.
[[nodiscard]] Task<Result<ValidationOutcome>> run_validation(kms::KeyProvider& provider, const kms::Providers& clouds,
                                                             const Clock& clock, RandomSource& random,
                                                             const AdminSettings& settings, KeyToValidate key);

// Records the activity of a validation.
[[nodiscard]] Result<void> record_validation(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                             const audit::Caller& caller, std::string_view external_key_id,
                                             bool success);

// A key as it was when it passed validation.
struct ValidatedKey {
  std::string id;
  std::int64_t revision = 0;
  bool attached_elsewhere = false;
};

// NotFound where the organisation has no such key. Where validation fails, it records that as an activity and returns
// Invalid with reason external_key_validation_failed or external_key_validation_timed_out.
[[nodiscard]] Task<Result<ValidatedKey>> validate_for_attach(store::Store& store, kms::KeyProvider& provider,
                                                             const kms::Providers& clouds, const Clock& clock,
                                                             RandomSource& random, const AdminSettings& settings,
                                                             audit::Caller caller, std::string external_key_id);

// To be called in the transaction that attaches. NotFound where somebody deleted the key meanwhile, Conflict with
// reason external_key_changed where somebody reconfigured it or another organisation attached it. Otherwise it records
// that the key passed, and makes a key healthy whose health was unknown.
[[nodiscard]] Result<void> confirm_attach(store::Transaction& transaction, const kms::Providers& clouds,
                                          const Clock& clock, RandomSource& random, const audit::Caller& caller,
                                          const ValidatedKey& key);

}  // namespace latchkey::admin
