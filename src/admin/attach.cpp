#include "admin/attach.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "admin/key_location.hpp"
#include "admin/reasons.hpp"
#include "admin/suspensions.hpp"
#include "audit/activity_log.hpp"
#include "audit/lookup.hpp"
#include "kms/key_errors.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::admin {

namespace {

bool is_time_out(const Error& error) {
  return error.code == ErrorCode::DeadlineExceeded ||
         (error.code == ErrorCode::KeyUnreachable && error.reason == kms::reason::kTimedOut) ||
         kms::was_not_asked(error);
}

ValidationOutcome failed_outcome(const Error& error, const AdminSettings& settings) {
  ValidationOutcome outcome;
  outcome.timed_out = is_time_out(error);
  outcome.error = error.message();
  if (error.reason.concerns_key()) outcome.reason = error.reason;
  if (error.code == ErrorCode::DeadlineExceeded) {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings.validation_timeout).count();
    outcome.error = fmt::format("The key did not answer within {} seconds. Wait a moment, then try again. ({})",
                                seconds, error.message());
  }
  return outcome;
}

// The key's own reason is in the error beneath.
Error attach_refused(std::string_view id, const ValidationOutcome& outcome) {
  Error why{ErrorCode::Invalid, outcome.error, outcome.reason};
  if (outcome.timed_out) {
    return caused_by(std::move(why), ErrorCode::Invalid,
                     fmt::format("External key {} was not attached, for its validation did not finish in time: {}", id,
                                 outcome.error),
                     reason::kExternalKeyValidationTimedOut);
  }
  return caused_by(std::move(why), ErrorCode::Invalid,
                   fmt::format("External key {} was not attached, for it failed validation: {}", id, outcome.error),
                   reason::kExternalKeyValidationFailed);
}

// Whether another organisation uses this key. The key's owner must then say by a tag which other organisation may.
Result<bool> is_attached_elsewhere(store::Transaction& transaction, const kms::Providers& clouds,
                                   const store::ExternalKey& key) {
  auto location = key_location(clouds, key);
  // Nobody can have attached a key whose configuration cannot be read.
  if (!location) return false;
  auto place = location.value().key().place();
  // Without its place, the store could not find others that attached the key.
  if (place.empty()) return Error{ErrorCode::Internal, fmt::format("External key {} has no place.", key.id)};
  return transaction.is_attached_elsewhere(key.organization, place);
}

}  // namespace

Result<KeyToValidate> find_to_validate(store::Transaction& transaction, const kms::Providers& clouds,
                                       const Uuid& organization, std::string_view external_key_id) {
  LATCHKEY_TRY(auto row, audit::require_external_key(transaction, organization, external_key_id));
  LATCHKEY_TRY(auto suspension, transaction.find_suspension(organization, external_key_id));
  LATCHKEY_TRY(auto elsewhere, is_attached_elsewhere(transaction, clouds, row));
  KeyToValidate found{std::move(row), std::nullopt, elsewhere};
  if (suspension) found.suspended = suspended_error(*suspension);
  return found;
}

Task<Result<ValidationOutcome>> run_validation(kms::KeyProvider& provider, const kms::Providers& clouds,
                                               const Clock& clock, RandomSource& random, const AdminSettings& settings,
                                               KeyToValidate to_validate) {
  const auto& key = to_validate.row;
  if (to_validate.suspended) co_return failed_outcome(*to_validate.suspended, settings);
  auto location = key_location(clouds, key);
  if (!location) {
    spdlog::error("validation of {}: {}", key.id, describe(location.error()));
    co_return failed_outcome(location.error(), settings);
  }
  kms::ValidationSettings checks{
      .binding = to_validate.attached_elsewhere ? kms::OrganizationBinding::Require : settings.organization_binding,
      .binding_tag = fmt::format("{}-org-{}", settings.binding_slug, format_uuid(key.organization))};
  auto checked = co_await kms::validate_key(provider, clouds, location.value(), checks, clock, random,
                                            clock.steady() + settings.validation_timeout);
  ValidationOutcome passed;
  passed.success = true;
  if (checked) co_return passed;
  // A failure of the store says nothing about the key.
  if (checked.error().code == ErrorCode::Unavailable) co_return checked.error();
  spdlog::info("validation of {} failed: {}", key.id, describe(checked.error()));
  co_return failed_outcome(checked.error(), settings);
}

Result<void> record_validation(store::Transaction& transaction, const Clock& clock, RandomSource& random,
                               const audit::Caller& caller, std::string_view external_key_id, bool success) {
  return audit::record_activity(
      transaction, clock, random, caller, audit::ActivityType::ExternalKeyValidated,
      {{"external_key_id", external_key_id}, {"validation_result", success ? "success" : "failure"}});
}

Task<Result<ValidatedKey>> validate_for_attach(store::Store& store, kms::KeyProvider& provider,
                                               const kms::Providers& clouds, const Clock& clock, RandomSource& random,
                                               const AdminSettings& settings, audit::Caller caller,
                                               std::string external_key_id) {
  auto find = [&clouds, organization = caller.organization, external_key_id](store::Transaction& tx) {
    return find_to_validate(tx, clouds, organization, external_key_id);
  };
  LATCHKEY_CO_TRY(auto found, co_await store.read(std::move(find)));
  auto& key = found.row;
  LATCHKEY_CO_TRY(auto outcome, co_await run_validation(provider, clouds, clock, random, settings, found));
  if (outcome.success) co_return ValidatedKey{key.id, key.revision, found.attached_elsewhere};
  auto record = [&clock, &random, caller, id = key.id](store::Transaction& tx) {
    return record_validation(tx, clock, random, caller, id, false);
  };
  LATCHKEY_CO_TRYV(co_await store.write(std::move(record)));
  co_return attach_refused(key.id, outcome);
}

Result<void> confirm_attach(store::Transaction& transaction, const kms::Providers& clouds, const Clock& clock,
                            RandomSource& random, const audit::Caller& caller, const ValidatedKey& key) {
  LATCHKEY_TRY(auto current, audit::require_external_key(transaction, caller.organization, key.id));
  // Where two organisations attach one key at once, the later one needs the tag after all.
  LATCHKEY_TRY(auto elsewhere, is_attached_elsewhere(transaction, clouds, current));
  if (current.revision != key.revision || (elsewhere && !key.attached_elsewhere)) {
    return Error{ErrorCode::Conflict,
                 fmt::format("External key {} was changed while it was being validated, and was not attached", key.id),
                 reason::kExternalKeyChanged, "Send the request again."};
  }
  LATCHKEY_TRYV(record_validation(transaction, clock, random, caller, key.id, true));
  LATCHKEY_TRY(auto known, transaction.find_external_key_health(caller.organization, key.id));
  if (known) return success();
  auto now = clock.now();
  return transaction.put(store::ExternalKeyHealth{.external_key_id = key.id,
                                                  .organization = caller.organization,
                                                  .state = store::KeyHealthState::Healthy,
                                                  .since = now,
                                                  .reason = "",
                                                  .cause = "",
                                                  .cure = "",
                                                  .last_checked_at = now,
                                                  .last_success_at = now,
                                                  .alarmed = false});
}

}  // namespace latchkey::admin
