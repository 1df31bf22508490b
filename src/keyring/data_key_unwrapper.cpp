#include "keyring/data_key_unwrapper.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "envelope/wrapped_data_key.hpp"
#include "keyring/data_key_rotation.hpp"
#include "keyring/reasons.hpp"
#include "kms/key_errors.hpp"
#include "kms/reason_catalogue.hpp"

namespace latchkey::keyring {

namespace {

Error integrity_alarm(const Compartment& compartment, const RawId& data_key, Error error) {
  spdlog::critical("integrity alarm: data key {} of workspace {} ({}): {}", format_id(id_prefix::kDataKey, data_key),
                   compartment.workspace_id, compartment.external_key_id.value_or("the platform's root key"),
                   describe(error));
  return error;
}

Error no_such_data_key(const Compartment& compartment, const RawId& data_key) {
  return Error{ErrorCode::NotFound, fmt::format("workspace {} has no data key {}: the data was encrypted elsewhere",
                                                compartment.workspace_id, format_id(id_prefix::kDataKey, data_key))};
}

Error under_a_foreign_key(const store::DataKey& row) {
  return Error{ErrorCode::Corrupt, fmt::format("data key {} is recorded under {}, which is not the workspace's key",
                                               format_id(id_prefix::kDataKey, row.id), *row.external_key_id)};
}

}  // namespace

Error changed_again_and_again() {
  kms::ReasonArguments arguments;
  arguments.host = "the workspace's encryption key";
  arguments.note = ": it was changed again and again while it was asked";
  return kms::reason_error(kms::reason::kTimedOut, arguments);
}

Error data_key_destroyed(const RawId& data_key) {
  return Error{ErrorCode::Invalid,
               fmt::format("The data key {} was destroyed when its workspace was shredded: what was encrypted under it "
                           "can be read no more, by anybody.",
                           format_id(id_prefix::kDataKey, data_key)),
               reason::kDataKeyDestroyed};
}

Task<Result<store::DataKey>> DataKeyUnwrapper::read(Compartment compartment, RawId id) {
  using Row = std::optional<store::DataKey>;
  auto work = [workspace = compartment.id, id, access_check = access_check_](store::Transaction& tx) -> Result<Row> {
    LATCHKEY_TRY(auto row, tx.find_data_key(workspace, id));
    bool asks = row && row->external_key_id && row->state != store::DataKeyState::Destroyed;
    if (asks && access_check) {
      LATCHKEY_TRYV(access_check(tx, row->organization, *row->external_key_id));
    }
    return row;
  };
  auto found = co_await store_.look_up(std::move(work));
  if (!found) co_return not_asked(compartment, found.error());
  auto& row = found.value();
  if (row && row->state != store::DataKeyState::Destroyed &&
      (!row->external_key_id || row->external_key_id == compartment.external_key_id)) {
    co_return std::move(*row);
  }
  table_.erase({compartment.id, id});
  if (!row) co_return no_such_data_key(compartment, id);
  if (row->state == store::DataKeyState::Destroyed) co_return data_key_destroyed(id);
  co_return integrity_alarm(compartment, id, under_a_foreign_key(*row));
}

Task<Result<UnwrappedDataKey>> DataKeyUnwrapper::unwrap(Compartment compartment, store::DataKey row,
                                                        LeaseTable::UnwrapAttempt attempt, Asks asks) {
  // A data key from before an external key was attached is under the platform's root key.
  auto location = row.external_key_id ? compartment.key : kms::KeyLocation{};
  kms::Binding bound_to{compartment.organization, compartment.id, row.id};
  kms::WrappedKey wrapped{row.key_version, row.wrapped};
  auto& provider = asks == Asks::Again && renewals_ != nullptr ? *renewals_ : provider_;
  auto payload = co_await provider.unwrap(location, bound_to, wrapped, deadline());
  if (!payload) {
    auto error = unwrapping_failed(attempt, compartment, row.id, payload.error());
    if (error.code == ErrorCode::Corrupt) co_return integrity_alarm(compartment, row.id, std::move(error));
    co_return error;
  }
  envelope::DataKeyBinding binding{compartment.organization, compartment.id, row.id};
  auto key = envelope::open_wrap_payload(binding, payload.value().secret);
  if (!key) co_return integrity_alarm(compartment, row.id, key.error());
  if (row.key_check && envelope::key_check(key.value()) != *row.key_check) {
    co_return integrity_alarm(compartment, row.id, kms::reason_error(kms::reason::kRoundTripMismatch, {}));
  }
  co_return UnwrappedDataKey{std::move(key).value(), std::move(payload.value().request_id)};
}

Task<Result<ProvenKey>> DataKeyUnwrapper::make(Compartment compartment) {
  LATCHKEY_CO_TRYV(co_await check_access(compartment));
  auto external = compartment.external_key_id.value_or(std::string());
  auto id = make_raw_id(random_);
  auto material = crypto::SecretBytes::random(envelope::kDataKeySize, random_);
  LATCHKEY_CO_TRY(auto made, envelope::DataKey::create(id, std::move(material)));
  envelope::DataKeyBinding binding{compartment.organization, compartment.id, id};
  auto payload = envelope::make_wrap_payload(binding, made);
  auto wrapped =
      co_await provider_.wrap(compartment.key, {compartment.organization, compartment.id, id}, payload, deadline());
  if (!wrapped) co_return wrapping_failed(compartment, wrapped.error());
  store::DataKey row{id,
                     compartment.organization,
                     compartment.id,
                     compartment.external_key_id,
                     std::move(wrapped.value().key_version),
                     std::move(wrapped.value().ciphertext),
                     store::DataKeyState::Active,
                     clock_.now(),
                     envelope::key_check(made)};
  // An admin may have suspended the key while it wrapped.
  LATCHKEY_CO_TRYV(co_await check_access(compartment));
  auto attempt = table_.begin({external, row.key_version}, clock_.age_time());
  auto returned = co_await unwrap(compartment, row, attempt, Asks::Anew);
  if (!returned) {
    bool refused = kms::is_refusal(returned.error()) && !kms::failed_access_check(returned.error());
    if (refused) table_.note_wrapping(external, returned.error(), clock_.age_time());
    co_return returned.error();
  }
  table_.clear_wrapping(external);
  if (!crypto::equal_constant_time(made.material(), returned.value().key.material())) {
    co_return integrity_alarm(compartment, id, kms::reason_error(kms::reason::kRoundTripMismatch, {}));
  }
  auto proven = std::move(returned).value();
  co_return ProvenKey{std::move(row), std::make_shared<const envelope::DataKey>(std::move(proven.key)),
                      std::move(attempt), std::move(proven.kms_request_id)};
}

Task<Result<void>> DataKeyUnwrapper::check_access(Compartment compartment) {
  if (!access_check_ || !compartment.external_key_id) co_return success();
  auto work = [compartment, access_check = access_check_](store::Transaction& tx) {
    return access_check(tx, compartment.organization, *compartment.external_key_id);
  };
  for (int attempt = 0; attempt < kMostTries; ++attempt) {
    auto epoch = table_.epoch(*compartment.external_key_id);
    auto access = co_await store_.look_up(work);
    if (!access) co_return not_asked(compartment, access.error());
    if (table_.epoch(*compartment.external_key_id) == epoch) co_return success();
  }
  co_return changed_again_and_again();
}

// The store could not say, or says that nobody may use the key. The key itself said nothing, so the observer hears of
// nothing.
Error DataKeyUnwrapper::not_asked(const Compartment& compartment, Error error) {
  if (kms::is_refusal(error) && compartment.external_key_id) table_.evict(*compartment.external_key_id);
  return error;
}

Error DataKeyUnwrapper::unwrapping_failed(const LeaseTable::UnwrapAttempt& attempt, const Compartment& compartment,
                                          const RawId& data_key, Error error) {
  if (kms::was_not_asked(error)) return error;
  if (kms::failed_access_check(error)) return not_asked(compartment, std::move(error));
  const auto& external_key = attempt.version.external_key;
  if (kms::is_refusal(error)) {
    table_.record_refusal(attempt, compartment, data_key, error, clock_.age_time());
    spdlog::warn("{} refuses, and the server drops its leases: {}",
                 external_key.empty() ? "the platform's root key" : external_key, describe(error));
  } else if (kms::is_outage(error)) {
    table_.record_outage(attempt, error, clock_.age_time());
  }
  report_failed(external_key, error);
  return error;
}

Error DataKeyUnwrapper::wrapping_failed(const Compartment& compartment, Error error) {
  if (kms::was_not_asked(error)) return error;
  if (kms::failed_access_check(error)) return not_asked(compartment, std::move(error));
  if (!kms::is_refusal(error) && !kms::is_outage(error)) return error;
  auto external_key = compartment.external_key_id.value_or(std::string());
  if (kms::is_refusal(error) && !kms::concerns_wrapping_alone(error)) table_.evict(external_key);
  table_.note_wrapping(external_key, error, clock_.age_time());
  report_failed(external_key, error);
  return error;
}

void DataKeyUnwrapper::report_proved(const std::string& external_key) {
  if (observer_ != nullptr && !external_key.empty()) observer_->proved(external_key);
}

void DataKeyUnwrapper::report_failed(const std::string& external_key, const Error& error) {
  if (observer_ != nullptr && !external_key.empty()) observer_->failed(external_key, error);
}

}  // namespace latchkey::keyring
