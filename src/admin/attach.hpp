// Validate, then attach: the key is asked outside any transaction, for that takes seconds; the transaction that
// attaches then checks that the key is still the one that was asked.
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
  bool attached_elsewhere = false;  // by another organisation: then the tag is demanded, whatever the setting
};
// NotFound where the organisation has no such key.
[[nodiscard]] Result<KeyToValidate> find_to_validate(store::Transaction& transaction, const kms::Providers& clouds,
                                                     const Uuid& organization, std::string_view external_key_id);

// Asks the key everything that the guide demands of it, a suspended one nothing. What is wrong with it is in the
// outcome; Unavailable where the store could not say whether it may be asked, which is nothing of the key's.
[[nodiscard]] Task<Result<ValidationOutcome>> run_validation(kms::KeyProvider& provider, const kms::Providers& clouds,
                                                             const Clock& clock, RandomSource& random,
                                                             const AdminSettings& settings, KeyToValidate key);

// The activity of a validation.
[[nodiscard]] Result<void> record_validation(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                                             const audit::Caller& caller, std::string_view external_key_id,
                                             bool success);

// A key as it was when it passed validation.
struct ValidatedKey {
  std::string id;
  std::int64_t revision = 0;
  bool attached_elsewhere = false;
};

// NotFound where the organisation has no such key; Invalid with reason external_key_validation_failed or
// external_key_validation_timed_out, after the failure was recorded as an activity.
[[nodiscard]] Task<Result<ValidatedKey>> validate_for_attach(store::Store& store, kms::KeyProvider& provider,
                                                             const kms::Providers& clouds, const Clock& clock,
                                                             RandomSource& random, const AdminSettings& settings,
                                                             audit::Caller caller, std::string external_key_id);

// Inside the transaction that attaches. NotFound where the key was deleted meanwhile, Conflict with reason
// external_key_changed where it was reconfigured or another organisation has attached it; else records that it passed,
// and that a key so far unknown is healthy.
[[nodiscard]] Result<void> confirm_attach(store::Transaction& transaction, const kms::Providers& clouds,
                                          const Clock& clock, RandomSource& random, const audit::Caller& caller,
                                          const ValidatedKey& key);

}  // namespace latchkey::admin
